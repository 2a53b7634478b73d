import ArgumentParser
import Jobs
import Postgres

struct BulkRunsCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Ends a run: rows that were not sent are left out.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs cancel 12

            Calls that are under way, or whose answer was lost, are followed to their end.
            """
    )

    @Argument(help: "The run's number.") var id: Int64
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let result = try await BulkStore(database).cancel(id)
        await database.close()
        switch result {
        case .notFound: throw Failure.noRun(id)
        case .refused(let reason): throw Failure(.usage, "\(reason): see factpulse-worker bulk-runs status \(id)")
        case .done(let rows) where output.json: try Output.json(["run": id, "rows": Int64(rows)])
        case .done(let rows): try Output.print("run \(id): \(rows.counted("row")) left out")
        }
    }
}
