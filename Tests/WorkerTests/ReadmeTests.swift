import Foundation
import JobQueue
import Jobs
import Postgres
import TestSupport
import Testing

@testable import FactPulseWorker

/// What README and docs say of settings, exit codes and SQL is what the program does.
struct ReadmeTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func readme(_ page: String = "README.md") throws -> String {
        try String(contentsOf: root.appending(path: page), encoding: .utf8)
    }

    @Test func `README has at most 200 lines, and every link of the pages leads somewhere`() throws {
        #expect(try Self.readme().split(separator: "\n", omittingEmptySubsequences: false).count <= 201)
        let docs = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "docs").path())
        for page in ["README.md", "ARCHITECTURE.md"] + docs.map({ "docs/\($0)" }) {
            let folder = Self.root.appending(path: page).deletingLastPathComponent()
            for link in try Self.readme(page).matches(of: /\]\(([^)#]+)\)/).map({ String($0.1) }) {
                if link.hasPrefix("https://") { continue }
                #expect(FileManager.default.fileExists(atPath: folder.appending(path: link).path()), "\(page): \(link)")
            }
        }
    }

    @Test(.database) func `the roles and the job of docs/operations.md can be made as it says`() async throws {
        let blocks = try Self.readme("docs/operations.md").matches(of: /```sql\n([\s\S]*?)```/).map { String($0.1) }
        let database = TestDatabase.current.database
        let enqueue = try #require(blocks.first { $0.contains("queue.enqueue(") })
        let grants = try #require(blocks.first { $0.hasPrefix("GRANT USAGE ON SCHEMA reporting") })
        // The kinds are known once a worker of this version, or its migrate, was there.
        try await JobStore(database).declare(Catalogue.policies)
        for statement in (enqueue + grants).split(separator: ";").map({
            $0.trimmingCharacters(in: .whitespacesAndNewlines)
        })
        where !statement.isEmpty { try await database.execute("\(raw: statement)") }
        let made = try await database.query("SELECT kind FROM queue.jobs")
        #expect(try made.map { try $0.decode("kind", as: String.self) } == ["sync-clients"])
    }

    @Test(.database) func `the ten questions of docs are answered to whoever may only read reports`() async throws {
        let queries = try Self.readme("docs/reporting.md").matches(of: /```sql\n(-- [\s\S]*?)```/).flatMap {
            $0.1.split(separator: ";")
        }
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
