import ArgumentParser
import Jobs
import Postgres

struct BulkRunsRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Sends a run's failed rows again, and goes on with a run that is paused or stuck.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs retry 12

            Every row is compared with FactPulse first, so that nothing is done twice.
            """
    )

    @Argument(help: "The run's number.") var id: Int64
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let result = try await BulkStore(database).retry(id)
        await database.close()
        switch result {
        case .notFound: throw Failure.noRun(id)
        case .refused(let reason): throw Failure(.usage, "\(reason): see factpulse-worker bulk-runs status \(id)")
        case .done(let rows) where output.json: try Output.json(["run": id, "rows": Int64(rows)])
        case .done(0): try Output.print("run \(id) goes on")
        case .done(let rows): try Output.print("run \(id) goes on, \(rows.counted("row")) to be sent again")
        }
    }
}
