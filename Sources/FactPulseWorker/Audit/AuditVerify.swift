import ArgumentParser
import KeyVault
import Postgres

struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Walks the audit log's whole hash chain.",
        discussion: """
            EXAMPLES:
              factpulse-worker audit verify
              factpulse-worker audit verify --anchor 4711:9f86d081…

            Prints the end of the chain. Note it somewhere else: given as --anchor the next time, it
            also finds out whether the end of the log was cut off. Exits with 1 where an entry was
            changed, removed or put in between.
            """
    )

    @Option(help: ArgumentHelp("The end that an earlier verification printed.", valueName: "number:hash"))
    var anchor: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let anchor = try anchor.map(Self.read)
        let database = try await settings.openDatabase(settings.makeLogger())
        let found = try await AuditLog(database).verify(anchor: anchor)
        await database.close()
        let end = found.end.map { "\($0.seq):\($0.hash)" }
        if output.json {
            try Output.json(
                Report(
                    whole: found.isWhole,
                    entries: found.entries,
                    broken: found.broken,
                    lostAnchor: found.lostAnchor,
                    anchor: end
                )
            )
        } else {
            try Output.print("\(Int(found.entries).counted("entry", "entries")), end \(end ?? "none")")
            if !found.broken.isEmpty {
                let numbers = found.broken.map(String.init).joined(separator: ", ")
                Messages.write("not as they were written, or without the one before them: \(numbers)")
            }
            if found.lostAnchor {
                Messages.write("the log no longer holds the anchor: its end was cut off or rewritten")
            }
            if found.isWhole { try Output.print("The chain is whole.") }
        }
        if !found.isWhole { throw Failure.silent(.troubled) }
    }

    private static func read(_ text: String) throws -> AuditLog.Anchor {
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 2, let seq = Int64(parts[0]), parts[1].count == 64, parts[1].allSatisfy(\.isHexDigit)
        else {
            throw Failure(.usage, "--anchor is NUMBER:HASH, as audit verify prints it")
        }
        return AuditLog.Anchor(seq: seq, hash: parts[1].lowercased())
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let whole: Bool
        let entries: Int64
        let broken: [Int64]
        let lostAnchor: Bool
        let anchor: String?
    }
}
