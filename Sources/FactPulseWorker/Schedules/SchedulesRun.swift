import ArgumentParser
import JobQueue
import Postgres

struct SchedulesRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Makes a schedule's job now, beside its times; also of one that is paused.",
        discussion: """
            EXAMPLES:
              factpulse-worker schedules run sync-clients
              factpulse-worker schedules run sync-clients --json

            Ends with exit code 75 while an earlier job of the schedule has not ended,
            unless the schedule allows overlap.
            """
    )

    @Argument(help: "The schedule's name.") var name: String
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let store = JobStore(database)
        let result = try await store.runSchedule(name)
        let known = try await store.scheduleOverview().map(\.name)
        await database.close()
        switch result {
        case .notFound: throw Failure.noSchedule(name, known)
        case .busy(let job):
            throw Failure(
                .tryLater,
                "job \(job) of schedule \(name) has not ended: see factpulse-worker jobs show \(job)"
            )
        case .made(let job) where output.json: try Output.json(["job": job])
        case .made(let job):
            try Output.print("job \(job)")
            Messages.write("what becomes of it: factpulse-worker jobs show \(job)")
        }
    }
}

extension Failure {
    /// - Parameter known: The names that there are.
    static func noSchedule(_ name: String, _ known: [String]) -> Failure {
        let meant = DidYouMean.nearest(to: name, among: known).map { "did you mean \($0)?" }
        let names =
            known.isEmpty
            ? "there are none, for no worker has started yet" : "there are \(known.joined(separator: ", "))"
        return Failure(.usage, "no schedule is called \(name): \(meant ?? names)")
    }
}
