import ArgumentParser
import Jobs
import Postgres

struct BulkRunsStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how far a run is.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs status 12
              factpulse-worker bulk-runs status 12 --wait --max-wait 10m
              factpulse-worker bulk-runs status 12 --json

            With --wait the exit code tells how the run ended: 0 well, 1 with rows that
            failed or need review, 75 not over yet, 77 paused because FactPulse refuses
            the credentials.
            """
    )

    @Argument(help: "The run's number.") var id: Int64
    @Flag(help: "Stay until the run is over.") var wait = false
    @Option(help: ArgumentHelp("With --wait: stay at most so long, such as 90s, 10m, 2h.", valueName: "time"))
    var maxWait: SpokenDuration?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !wait, maxWait != nil { throw ValidationError("--max-wait goes with --wait.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let following = BulkFollowing(
            wait: wait,
            maxWait: maxWait?.duration,
            result: nil,
            deliverCommand: nil,
            json: output.json
        )
        try await following.end(run: id, store: BulkStore(database))
        await database.close()
    }
}
