import ArgumentParser
import KeyVault
import Postgres

struct KeysRewrap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rewrap",
        abstract:
            "Seals every key under the first key of the KEK file; or says that an old KEK is not needed any more.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys rewrap
              factpulse-worker keys rewrap --retire 1f2e3d4c

            To change the KEK: put the new one on the second line of the KEK file on every machine, then on the first
            line and the old one on the second; run keys rewrap, keys rewrap --retire OLD, and take the old line out.
            Workers go on meanwhile. Can be cut off and run again.
            """
    )

    @Option(help: ArgumentHelp("Retire this KEK afterwards; refused while anything needs it.", valueName: "id"))
    var retire: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let kek = try retire.map(Self.id)
        let report = try await settings.withVault { vault in
            let report = try await vault.rewrap(actor: settings.person)
            if let kek, report.left == 0 { try await vault.retire(kek, actor: settings.person) }
            return report
        }
        if output.json {
            try Output.json(
                Report(rewrapped: report.rewrapped, left: report.left, unreadable: report.unreadable.map(\.description))
            )
        } else {
            try Output.print("\(report.rewrapped) rewrapped, \(report.left) left")
            for name in report.unreadable {
                Messages.write("cannot be opened, see factpulse-worker keys verify-escrow: \(name)")
            }
            if report.left > report.unreadable.count { Messages.write("Some are in use: run it again.") }
        }
        if report.left > 0 { throw Failure.silent(.troubled) }
    }

    private static func id(_ text: String) throws -> KeyEncryptionKey.ID {
        guard let id = KeyEncryptionKey.ID(text) else {
            throw Failure(.usage, "\"\(text)\" is no KEK's id: write the 8 digits that keys status shows")
        }
        return id
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let rewrapped, left: Int
        let unreadable: [String]
    }
}
