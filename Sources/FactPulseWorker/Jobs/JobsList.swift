import ArgumentParser
import Foundation
import JobQueue
import Postgres

struct JobsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists jobs, the newest first.",
        discussion: """
            EXAMPLES:
              factpulse-worker jobs list
              factpulse-worker jobs list --state failed --kind create-client --limit 20
              factpulse-worker jobs list --state quarantined --json
            """
    )

    @Option(help: "Only jobs in this state.") var state: JobState?
    @Option(help: "Only jobs of this kind.") var kind: String?
    @Option(help: "At most so many.") var limit = 50
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !(1...10_000).contains(limit) { throw ValidationError("--limit is a number from 1 to 10000.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let jobs = try await JobStore(database).list(state: state, kind: kind, limit: limit)
        await database.close()
        if output.json { return try Output.json(Report(jobs: jobs.map(JobReport.init))) }
        var table = TextTable([
            ("id", .right), ("state", .left), ("kind", .left), ("queue", .left), ("attempts", .right),
            ("created", .left),
            ("error", .left),
        ])
        for job in jobs {
            table.add(
                "\(job.id)",
                job.state,
                job.kind,
                job.queue,
                "\(job.attempt)/\(job.maxAttempts)",
                job.createdAt.spoken,
                Self.short(job.error ?? "")
            )
        }
        try Output.print(table.isEmpty ? "No jobs." : table.text)
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let jobs: [JobReport]
    }

    private static func short(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 80 ? line.prefix(79) + "…" : line
    }
}

extension JobState: ExpressibleByArgument {}
