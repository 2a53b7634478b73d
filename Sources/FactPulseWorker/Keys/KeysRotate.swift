import ArgumentParser
import Foundation
import JobQueue
import Jobs
import KeyVault
import Postgres

struct KeysRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Gives clients a new encryption key: makes a job a client, which the workers carry out.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys rotate 0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e --wait
              factpulse-worker keys rotate 0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e --resume
              factpulse-worker keys rotate --due --every 90 --width 4
              factpulse-worker keys rotate --unfinished

            --due begins with one client, then five, then the rest, the most overdue first; it
            stops after two rotations that did not succeed. There is one such campaign at a
            time: while another has not ended, the exit code is 75. With --wait it exits with 1 where
            a rotation failed. See also factpulse-worker keys plan and keys status.
            """
    )

    @Argument(help: "The clients' uids.") var uids: [String] = []
    @Flag(name: .customLong("due"), help: "Rotate the keys that have become too old (see keys plan).") var isDue = false
    @Flag(help: "Take up rotations that were cut off, and keys in doubt.") var unfinished = false
    @Flag(help: "Go on where a rotation waits for a person (lost, needs_review).") var resume = false
    @Option(help: "With --due: at most so many clients at once.") var width = 2
    @Flag(help: "Wait until they have ended. Interrupted, the jobs go on.") var wait = false
    @OptionGroup var due: DueOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if [!uids.isEmpty, isDue, unfinished].count(where: \.self) != 1 {
            throw ValidationError("Name clients, or write --due or --unfinished.")
        }
        if resume, uids.isEmpty { throw ValidationError("--resume goes with the clients' uids.") }
        if !(1...1_000).contains(width) { throw ValidationError("--width is a number from 1 to 1000.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let named = try uids.map(ClientArgument.read)
        let reports = try await settings.withDatabase(settings.makeLogger()) { database in
            try await JobStore(database).declare(Catalogue.policies)
            let made = try await enqueue(named, in: database)
            let ended = wait ? try await RotationWait(store: JobStore(database)).untilEnded(made.map(\.job)) : [:]
            return made.map { RotationJob(client: $0.client?.lowercased, job: $0.job, ended[$0.job]) }
        }
        if output.json {
            try Output.json(Report(jobs: reports.map(\.job), rotations: reports))
        } else {
            for report in reports { try Output.print(report.text) }
            if reports.isEmpty { Messages.write("Nothing is unfinished.") }
            if !wait, !reports.isEmpty { Messages.write("To see what came of it: factpulse-worker keys status") }
        }
        if reports.contains(where: \.isTrouble) { throw Failure.silent(.troubled) }
    }

    private func enqueue(_ named: [UUID], in database: Database) async throws -> [(client: UUID?, job: Int64)] {
        if isDue {
            let arguments = RotateDueKeys.Arguments(every: due.every, limit: due.limit, width: width)
            switch try await RotateDueKeys.start(arguments, in: database) {
            case .made(let job): return [(nil, job)]
            case .busy(let job):
                let look = "see factpulse-worker jobs show \(job), or end it with factpulse-worker jobs cancel \(job)"
                throw Failure(.tryLater, "the campaign of job \(job) has not ended; there is one at a time: \(look)")
            }
        }
        let clients = unfinished ? try await KeyOverview(database).unfinishedRotations(limit: 10_000) : named
        var made: [(client: UUID?, job: Int64)] = []
        for client in clients {
            made.append((client, try await RotateKey.enqueue(client, resume: resume, in: database)))
        }
        return made
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let jobs: [Int64]
        let rotations: [RotationJob]
    }
}

/// A job of `keys rotate`, and what came of it.
struct RotationJob: Encodable {
    /// `nil`: a whole campaign.
    let client: String?
    let job: Int64
    /// As ``JobState``; `nil` where nobody waited.
    let state: String?
    let result: JSONValue?
    let error: String?

    init(client: String?, job: Int64, _ ended: JobDescription?) {
        self.client = client
        self.job = job
        state = ended?.state
        result = ended?.result.map(JSONValue.init(text:))
        error = ended?.error
    }

    var isTrouble: Bool { state != nil && state != "done" }

    var text: String {
        var words = ["\(client ?? "all that are due")  job \(job)"]
        if let state { words.append(state) }
        if case .object(let facts) = result {
            for name in ["rotation", "reason", "begun", "succeeded", "skipped"] {
                switch facts[name] {
                case .string(let text): words.append("\(name) \(text)")
                case .integer(let number): words.append("\(name) \(number)")
                default: break
                }
            }
        }
        if let error { words.append(error) }
        return words.joined(separator: "  ")
    }
}
