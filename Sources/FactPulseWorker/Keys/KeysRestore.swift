import ArgumentParser
import Jobs
import KeyVault
import Postgres

struct KeysRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Brings back from the escrow file the keys that a restored or new database lacks.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys restore

            Stop the workers first. Keys that may have been used since the database's moment become uncertain; the next
            rotation of their clients finds out which one is live (keys rotate --unfinished).
            """
    )

    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let custody = try settings.custody()
        let logger = settings.makeLogger()
        let report = try await settings.withDatabase(logger) { database in
            try await Vault.restore(
                keys: custody.keys,
                escrowFile: custody.escrowFile,
                database: database,
                logger: logger,
                settle: settings.settleTimes.settle,
                actor: settings.person
            ).report
        }
        if output.json {
            try Output.json(Report(report))
        } else {
            try Output.print(
                "\(report.restored) restored, \(report.renumbered) of them under a new number; \(report.uncertain) keys are uncertain"
            )
        }
        if report.uncertain > 0 {
            Messages.write("Start the workers, then run: factpulse-worker keys rotate --unfinished")
        }
        if !report.file.unreadable.isEmpty || !report.file.foreign.isEmpty {
            Messages.write(
                "\(report.file.unreadable.count + report.file.foreign.count) lines of the escrow file could not be used: keys verify-escrow tells which and why"
            )
            throw Failure.silent(.troubled)
        }
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let restored, renumbered, uncertain, lines: Int
        let damaged, unreadable, foreign: [Int]

        init(_ report: Vault.RestoreReport) {
            restored = report.restored
            renumbered = report.renumbered
            uncertain = report.uncertain
            lines = report.file.lines
            damaged = report.file.damaged
            unreadable = report.file.unreadable
            foreign = report.file.foreign
        }
    }
}
