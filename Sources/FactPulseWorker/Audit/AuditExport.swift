import ArgumentParser
import Foundation
import KeyVault
import Postgres

struct AuditExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Prints the audit log, one JSON object a line.",
        discussion: """
            EXAMPLES:
              factpulse-worker audit export > audit.jsonl
              factpulse-worker audit export --since 2026-01-01T00:00:00Z
            """
    )

    @Option(help: ArgumentHelp("Leave out what is older.", valueName: "time")) var since: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let since = try since.map(Self.read)
        let database = try await settings.openDatabase(settings.makeLogger())
        try await AuditLog(database).export(since: since) { lines in
            try Output.print(lines.joined(separator: "\n"))
        }
        await database.close()
    }

    private static func read(_ text: String) throws -> Date {
        do {
            return try Date(text, strategy: .iso8601)
        } catch {
            throw Failure(.usage, "--since is a time such as 2026-01-31T08:00:00Z")
        }
    }
}
