import ArgumentParser
import JobQueue
import Jobs
import Postgres

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract:
            "Shows on one screen how the work goes: what is wrong first, then workers, jobs, rate, runs and syncs.",
        discussion: """
            EXAMPLES:
              factpulse-worker status
              factpulse-worker status --json
              factpulse-worker status --reopen
              watch -n 2 factpulse-worker status

            Changes nothing, but with --reopen: FactPulse may ask to be left alone for up to
            an hour, and all workers then wait. Where it has said that it is well again, that
            lets requests through at once, and the jobs that wait follow within a minute.

            Reads the database only. What is wrong with the installation: factpulse-worker
            doctor.
            """
    )

    @Flag(help: "Let requests through again, though FactPulse asked to wait.")
    var reopen = false
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        if reopen {
            let opened = try await RateLimiter.reopen(database)
            Messages.write(opened > 0 ? "Requests are let through again." : "Requests were let through already.")
        }
        let report = StatusReport(
            queue: try await JobStore(database).overview(),
            bulk: try await BulkStore(database).overview(),
            sync: try await SyncStore(database).overview(),
            settings: settings
        )
        await database.close()
        if output.json { try Output.json(report) } else { try Output.print(report.text) }
    }
}
