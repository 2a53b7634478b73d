import ArgumentParser

struct SchedulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules",
        abstract: "Shows, runs, pauses and resumes what workers do by themselves.",
        discussion: """
            EXAMPLES:
              factpulse-worker schedules list
              factpulse-worker schedules run sync-clients
              factpulse-worker schedules pause sync-clients
              factpulse-worker schedules resume sync-clients

            What the schedules are stands in a file: jobs/schedules.yaml, which is part
            of this program, or the one of run --schedules. A worker reads it when it
            starts and on SIGHUP, and logs what changed.
            """,
        subcommands: [SchedulesList.self, SchedulesRun.self, SchedulesPause.self, SchedulesResume.self]
    )
}
