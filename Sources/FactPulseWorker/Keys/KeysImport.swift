import ArgumentParser
import Foundation
import KeyVault
import Postgres

struct KeysImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Takes in the keys that clients have already, from standard input or a file.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys import keys.csv

            Without a file: standard input. Lines of uid;key (a header and commas are fine), or a JSON array of {"uid": …, "key": …}; keys are base64 of
            32 bytes. A client's first key is taken for the live one. Where there are others, the next rotation finds
            out which is. The same key again changes nothing. Delete the file afterwards.
            """
    )

    @Argument(help: "The file. Without it: standard input.") var file: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        _ = try settings.custody()
        let list = try KeyList(try read())
        let counts = try await settings.withVault { vault in
            var counts: [Vault.Imported: Int] = [:]
            for (client, key) in list.keys {
                counts[try await vault.importKey(key, of: client, actor: settings.person), default: 0] += 1
            }
            return counts
        }
        let report = Report(
            active: counts[.active, default: 0],
            uncertain: counts[.uncertain, default: 0],
            known: counts[.known, default: 0]
        )
        if output.json { return try Output.json(report) }
        try Output.print("\(report.active) active, \(report.uncertain) uncertain, \(report.known) known already")
        if report.uncertain > 0 {
            Messages.write("To find out which is live: factpulse-worker keys rotate --unfinished")
        }
    }

    private func read() throws -> Data {
        guard let file else { return FileHandle.standardInput.readDataToEndOfFile() }
        do {
            return try Data(contentsOf: URL(filePath: file))
        } catch {
            throw Failure(.badInput, "\(file) cannot be read: check the path and its permissions")
        }
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let active, uncertain, known: Int
    }
}
