import ArgumentParser
import JobQueue
import Postgres

struct JobsRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Makes a failed, cancelled or quarantined job ready again.",
        discussion: """
            EXAMPLES:
              factpulse-worker jobs retry 4711
            """
    )

    @Argument(help: "The job's number.") var id: Int64
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let result = try await JobStore(database).retry(id)
        await database.close()
        switch result {
        case .notFound: throw Failure.noJob(id)
        case .refused(let state):
            throw Failure(
                .usage,
                "job \(id) is \(state), so it cannot be retried: see factpulse-worker jobs show \(id)"
            )
        case .done where output.json: try Output.json(["job": id])
        case .done: try Output.print("job \(id): ready again")
        }
    }
}
