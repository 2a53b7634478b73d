import ArgumentParser
import Foundation
import JobQueue
import Postgres

struct JobsShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows one job and its attempts that did not succeed.",
        discussion: """
            EXAMPLES:
              factpulse-worker jobs show 4711
              factpulse-worker jobs show 4711 --json
            """
    )

    @Argument(help: "The job's number.") var id: Int64
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let store = JobStore(database)
        guard let job = try await store.job(id) else { throw Failure.noJob(id) }
        let attempts = try await store.attempts(of: id)
        await database.close()
        if output.json {
            try Output.json(Report(job: JobReport(job), attempts: attempts))
        } else {
            try print(job, attempts)
        }
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let job: JobReport
        let attempts: [AttemptDescription]
    }

    private func print(_ job: JobDescription, _ attempts: [AttemptDescription]) throws {
        let facts: [(String, String?)] = [
            ("job", "\(job.id)"), ("kind", job.kind), ("state", job.state),
            ("queue", "\(job.queue), priority \(job.priority)"),
            ("args", job.args), ("attempts", "\(job.attempt) of \(job.maxAttempts)"),
            ("crashes", job.crashes == 0 ? nil : "\(job.crashes)"), ("unique key", job.uniqueKey),
            ("worker", job.worker),
            ("created", job.createdAt.spoken), ("due", job.runAt?.spoken), ("started", job.startedAt?.spoken),
            ("ended", job.endedAt?.spoken), ("result", job.result), ("error", job.error),
        ]
        for case (let name, let value?) in facts {
            try Output.print(name.padded(to: 12) + value)
        }
        guard !attempts.isEmpty else { return }
        var table = TextTable([
            ("attempt", .right), ("outcome", .left), ("ended", .left), ("worker", .left), ("error", .left),
        ])
        for attempt in attempts {
            table.add(
                "\(attempt.attempt)",
                attempt.outcome,
                attempt.endedAt.spoken,
                attempt.worker,
                attempt.error ?? ""
            )
        }
        try Output.print("\n" + table.text)
    }
}

extension Failure {
    static func noJob(_ id: Int64) -> Failure {
        Failure(.usage, "there is no job \(id): see factpulse-worker jobs list")
    }
}
