import ArgumentParser

struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Brings the local tables of clients and PDP status to what the server says.",
        discussion: """
            EXAMPLES:
              factpulse-worker sync clients --wait
              factpulse-worker sync pdp --wait

            A worker (factpulse-worker run) does the work. What the tables hold, and how
            fresh it is: factpulse-worker report freshness.
            """,
        subcommands: [SyncClientsCommand.self, SyncPDPCommand.self]
    )
}

/// What both syncs take.
struct SyncOptions: ParsableArguments {
    @Flag(help: "Stay until it is over.")
    var wait = false
    @Option(help: ArgumentHelp("With --wait: stay at most so long, such as 90s, 10m, 2h.", valueName: "time"))
    var maxWait: SpokenDuration?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !wait, maxWait != nil { throw ValidationError("--max-wait goes with --wait.") }
    }
}
