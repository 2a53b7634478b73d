import ArgumentParser
import Foundation
import JobQueue
import Jobs
import Postgres

struct JobsEnqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue",
        abstract: "Makes a job.",
        discussion: """
            EXAMPLES:
              factpulse-worker jobs enqueue finish-run --args '{"run": 12}'
              factpulse-worker jobs enqueue start-run --args '{"run": 12}' --delay 3600

            The same door is open to every program that can speak SQL:
              SELECT queue.enqueue('finish-run', '{"run": 12}');
            """
    )

    @Argument(help: "What kind of job.") var kind: String
    @Option(help: "A JSON object.") var args = "{}"
    @Option(help: "Which queue.") var queue = "default"
    @Option(help: "When, as 2026-12-01T06:00:00+01:00.") var runAt: String?
    @Option(help: "Seconds from now.") var delay: Double?
    @Option(help: "The smaller number runs first.") var priority = 100
    @Option(help: "While a job of this kind holds the key, no second one is made.") var uniqueKey: String?
    @Option(help: "Of all jobs that share the key, of whatever kind, one runs at a time.") var concurrencyKey: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if runAt != nil, delay != nil { throw ValidationError("--run-at and --delay exclude each other.") }
        if let delay, !(0...31_536_000).contains(delay) {
            throw ValidationError("--delay is a number of seconds from 0 to a year.")
        }
        for (option, text) in [("queue", queue), ("unique-key", uniqueKey), ("concurrency-key", concurrencyKey)] {
            if let text, !(1...500).contains(text.utf8.count) {
                throw ValidationError("--\(option) has 1 to 500 bytes.")
            }
        }
        if Int32(exactly: priority) == nil { throw ValidationError("--priority is out of range.") }
        guard case .object = JSONValue(text: args) else {
            throw ValidationError("--args is a JSON object such as {\"run\": 12}.")
        }
        _ = try date()
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let id: Int64
        do {
            id = try await JobStore.enqueue(
                JobKind(rawValue: kind),
                arguments: args,
                queue: queue,
                at: try date(),
                delay: delay.map { .seconds($0) },
                priority: priority,
                uniqueKey: uniqueKey,
                concurrencyKey: concurrencyKey,
                in: database
            )
        } catch let error as PostgresError where error.sqlState?.hasPrefix("22") == true {
            // A value that the database refuses is one that was typed.
            throw Failure(.usage, Self.hint(kind) ?? error.serverSentence)
        }
        await database.close()
        if output.json {
            try Output.json(["job": id])
        } else {
            try Output.print("job \(id)")
            Messages.write("what becomes of it: factpulse-worker jobs show \(id)")
        }
    }

    /// - Returns: `nil` when the kind is known, or like none that is.
    private static func hint(_ kind: String) -> String? {
        let kinds = Catalogue.policies.map(\.kind.rawValue)
        guard !kinds.contains(kind), let meant = DidYouMean.nearest(to: kind, among: kinds) else { return nil }
        return "unknown job kind '\(kind)': did you mean \(meant)?"
    }

    private func date() throws -> Date? {
        guard let runAt else { return nil }
        guard let date = try? Date(runAt, strategy: .iso8601) else {
            throw ValidationError("--run-at is a time such as 2026-12-01T06:00:00Z or 2026-12-01T06:00:00+01:00.")
        }
        return date
    }
}
