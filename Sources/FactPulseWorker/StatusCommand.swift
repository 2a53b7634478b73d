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
              watch -n 2 factpulse-worker status

            Reads the database only. What is wrong with the installation: factpulse-worker
            doctor.
            """
    )

    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
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
