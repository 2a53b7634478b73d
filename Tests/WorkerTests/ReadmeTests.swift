import Foundation
import Postgres
import TestSupport
import Testing

@testable import FactPulseWorker

/// What README says of settings and exit codes is what the program does.
struct ReadmeTests {
    private static func readme() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    }

    @Test(.database) func `README's ten questions are answered to whoever may only read reports`() async throws {
        let queries = try Self.readme().matches(of: /```sql\n(-- [\s\S]*?)```/).flatMap { $0.1.split(separator: ";") }
            .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.filter { !$0.isEmpty }
        #expect(queries.count == 10)
        for query in queries {
            try await TestDatabase.current.database.transaction { transaction in
                try await transaction.execute("SET LOCAL ROLE factpulse_reporting")
                try await transaction.query("\(raw: query)")
            }
        }
    }

    @Test func `README has every setting, and no other`() throws {
        let rows = try Self.readme().split(separator: "\n").filter { $0.hasPrefix("| `") }
        let named = rows.flatMap { row in
            row.split(separator: "|")[0].matches(of: /[A-Z]+_[A-Z_]+/).map { String($0.0) }
        }
        #expect(Set(named) == Set(Settings.names))
    }

    @Test func `README has the defaults of the settings`() throws {
        let settings = try Settings.load(file: nil, environment: [:])
        let defaults = [
            "DATABASE_POOL": "\(settings.databasePool)", "FACTPULSE_API_URL": settings.apiURL,
            "FACTPULSE_RATE_LIMIT": settings.rateLimit.spoken, "FACTPULSE_CONCURRENCY": "\(settings.concurrency)",
            "FACTPULSE_REQUEST_TIMEOUT": settings.requestTimeout.inSeconds.spoken,
            "FACTPULSE_SETTLE_GRACE": settings.settleGrace.inSeconds.spoken,
            "FACTPULSE_CLIENTS_MAX_AGE": "\(Int(settings.clientsMaxAge.inSeconds))",
            "FACTPULSE_PDP_MAX_AGE": "\(Int(settings.pdpMaxAge.inSeconds))",
            "FACTPULSE_SHUTDOWN_GRACE": settings.shutdownGrace.inSeconds.spoken,
            "FACTPULSE_QUEUES": settings.queues.joined(separator: ","),
            "FACTPULSE_LOG_FORMAT": settings.logFormat.rawValue, "FACTPULSE_LISTEN": "\(settings.listens)",
            "DATABASE_PGBOUNCER": "\(settings.throughPgBouncer)",
        ]
        let readme = try Self.readme()
        for (name, value) in defaults {
            let row = readme.split(separator: "\n").first { $0.hasPrefix("| `\(name)`") }
            let cell = row?.split(separator: "|")[1].trimmingCharacters(in: [" ", "`"])
            #expect(cell == value, "\(name)")
        }
    }

    @Test func `README and --help have the same exit codes`() async throws {
        let help = try await CLI.run(["--help"]).stdout
        for status in [0, 1, 64, 65, 69, 70, 75, 77, 78] as [Int32] {
            #expect(ExitStatus(rawValue: status) != nil)
            #expect(try Self.readme().contains("| \(status) | "))
            #expect(help.contains(try Regex("\n  \(status) +[a-zA-Z]")))
        }
    }
}
