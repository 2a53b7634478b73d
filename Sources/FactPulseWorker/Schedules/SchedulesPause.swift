import ArgumentParser
import JobQueue
import Postgres

struct SchedulesPause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stops a schedule from firing, on all workers and at once.",
        discussion: """
            EXAMPLES:
              factpulse-worker schedules pause sync-clients

            A job that it has made already is not touched. Times that pass meanwhile are
            missed: they are not made up for.
            """
    )

    @Argument(help: "The schedule's name.") var name: String
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await SchedulesResume.set(name, isPaused: true, output, common)
    }
}

struct SchedulesResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Lets a paused schedule fire again, from its next time on.",
        discussion: """
            EXAMPLES:
              factpulse-worker schedules resume sync-clients
            """
    )

    @Argument(help: "The schedule's name.") var name: String
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await Self.set(name, isPaused: false, output, common)
    }

    fileprivate static func set(_ name: String, isPaused: Bool, _ output: JSONOption, _ common: CommonOptions)
        async throws
    {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let store = JobStore(database)
        let found = try await store.pauseSchedule(name, isPaused)
        let known = try await store.scheduleOverview().map(\.name)
        await database.close()
        guard found else { throw Failure.noSchedule(name, known) }
        if output.json {
            try Output.json(Report(schedule: name, paused: isPaused))
        } else {
            try Output.print("schedule \(name): \(isPaused ? "paused" : "resumed")")
        }
    }

    private struct Report: Encodable {
        let schedule: String
        let paused: Bool
    }
}
