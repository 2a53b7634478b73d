import ArgumentParser
import KeyVault
import Postgres

struct KeysVerifyEscrow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-escrow",
        abstract: "Opens every line of the escrow file and compares it with the database.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys verify-escrow
              factpulse-worker keys verify-escrow --mend

            Exits with 1 where one of the two places lacks a key.
            """
    )

    @Flag(help: "Append what only the database has: after the escrow file or its disk was lost.") var mend = false
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let report = try await settings.withVault { vault in
            let report = try await vault.verifyEscrow()
            guard mend, !report.missingInFile.isEmpty else { return report }
            try await vault.mendEscrow(report.missingInFile)
            return try await vault.verifyEscrow()
        }
        if output.json {
            try Output.json(Report(report))
        } else {
            try Output.print(Self.text(report))
        }
        if !report.isWhole { throw Failure.silent(.troubled) }
    }

    private static func text(_ report: Vault.EscrowReport) -> String {
        var lines = [
            "\(report.lines) lines, \(report.damaged.count) damaged\(report.isTorn ? ", the last one torn" : "")"
        ]
        if !report.foreign.isEmpty {
            let cure = "check FACTPULSE_ESCROW_FILE and DATABASE_URL"
            lines.append("of another deployment, \(cure): lines \(report.foreign)")
        }
        if !report.unreadable.isEmpty {
            let cure = "put the KEK that sealed them back into the KEK file"
            lines.append("cannot be opened, \(cure): lines \(report.unreadable)")
        }
        for name in report.missingInTable.map(\.description).sorted() {
            lines.append("not in the database, run keys restore: \(name)")
        }
        for name in report.missingInFile.map(\.description).sorted() {
            lines.append("not in the escrow file, run keys verify-escrow --mend: \(name)")
        }
        if report.isWhole { lines.append("The database and the escrow file agree.") }
        return lines.joined(separator: "\n")
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let whole: Bool
        let lines: Int
        let damaged, foreign, unreadable: [Int]
        let torn: Bool
        let missingInDatabase, missingInFile: [String]

        init(_ report: Vault.EscrowReport) {
            whole = report.isWhole
            lines = report.lines
            damaged = report.damaged
            foreign = report.foreign
            unreadable = report.unreadable
            torn = report.isTorn
            missingInDatabase = report.missingInTable.map(\.description).sorted()
            missingInFile = report.missingInFile.map(\.description).sorted()
        }
    }
}
