import ArgumentParser

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Makes, shows, repeats and cancels single jobs.",
        discussion: """
            EXAMPLES:
              factpulse-worker jobs list --state failed
              factpulse-worker jobs show 4711
              factpulse-worker jobs retry 4711
              factpulse-worker jobs enqueue start-run --args '{"run": 12}' --delay 600
            """,
        subcommands: [JobsEnqueue.self, JobsList.self, JobsShow.self, JobsRetry.self, JobsCancel.self]
    )
}
