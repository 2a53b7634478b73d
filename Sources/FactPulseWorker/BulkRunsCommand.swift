import ArgumentParser

struct BulkRunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk-runs",
        abstract: "Shows, repeats, cancels and mends the runs that `bulk` started.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs list
              factpulse-worker bulk-runs status 12 --wait
              factpulse-worker bulk-runs rows 12 --state failed
              factpulse-worker bulk-runs rows 12 --output result.csv
              factpulse-worker bulk-runs resolve 12 8 --skip
            """,
        subcommands: [
            BulkRunsList.self, BulkRunsStatus.self, BulkRunsRows.self, BulkRunsRetry.self, BulkRunsCancel.self,
            BulkRunsResolve.self,
        ]
    )
}
