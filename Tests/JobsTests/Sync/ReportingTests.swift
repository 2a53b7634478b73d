import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(2)))
struct ReportingTests {
    private static let views = [
        "bulk_rows_rejected", "bulk_runs", "client_history", "clients", "freshness", "jobs_daily", "key_rotations",
        "pdp_problems",
        "pdp_status", "pdp_status_history", "webhook_secrets",
    ]

    @Test func `these are the views, and each of them and of their columns says what it is`() async throws {
        let database = TestDatabase.current.database
        #expect(try await Reports(database).all().map(\.name) == Self.views)
        let silent = try await database.query(
            """
            SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
             WHERE c.relnamespace = 'reporting'::regnamespace
               AND (coalesce(col_description(c.oid, a.attnum), '') !~ '[.]$' OR coalesce(obj_description(c.oid, 'pg_class'), '') !~ '[.]$')
            """
        ).map { try $0.decode(at: 0, as: String.self) }
        #expect(silent == [])
    }

    @Test func `the reporting role reads these views and nothing else`() async throws {
        let database = TestDatabase.current.database
        guard try await !database.query("SELECT FROM pg_roles WHERE rolname = 'factpulse_reporting'").isEmpty else {
            try Test.cancel("the user of DATABASE_URL may not create roles")
        }
        let rights = try await database.query(
            """
            SELECT n.nspname || '.' || c.relname, string_agg(p, ' ' ORDER BY p)
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                   unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
             WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm')
               AND has_table_privilege('factpulse_reporting', c.oid, p)
             GROUP BY 1 ORDER BY 1
            """
        ).map { try $0.decode((String.self, String.self)) }
        #expect(rights.map(\.0) == Self.views.map { "reporting.\($0)" })
        #expect(rights.allSatisfy { $0.1 == "SELECT" })
        for schema in ["queue", "factpulse"] {
            let answer = try await database.query(
                "SELECT has_schema_privilege('factpulse_reporting', \(schema)::text, 'USAGE')"
            )
            #expect(try answer[0].decode(at: 0, as: Bool.self) == false, "\(schema)")
        }
        for view in Self.views {
            try await asReporter { try await $0.query("SELECT * FROM reporting.\(identifier: view)") }
        }
        for secret in [
            "factpulse.secrets", "factpulse.audit_log", "queue.jobs", "queue.job_overview", "factpulse.bulk_rows",
        ] {
            await #expect(throws: PostgresError.self, "\(secret)") {
                try await asReporter { try await $0.query("SELECT * FROM \(raw: secret)") }
            }
        }
    }

    private func asReporter(_ body: (Transaction) async throws -> Void) async throws {
        try await TestDatabase.current.database.transaction { transaction in
            try await transaction.execute("SET LOCAL ROLE factpulse_reporting")
            try await body(transaction)
        }
    }

    @Test func `freshness says what is kept and what is not`() async throws {
        try await BulkFixture.with { bulk in
            #expect(try await SyncStore(bulk.database).overview().streams.isEmpty)
            let uids = await bulk.server.world.seedClients(10)
            try await bulk.syncClients()
            var clients = try #require(try await SyncStore(bulk.database).overview().streams.first)
            #expect(
                clients.name == "clients" && clients.isKept && clients.coverage == 100
                    && clients.lastOutcome == "complete"
            )
            await bulk.server.world.removeClient(uids[0])
            try await bulk.syncClients()
            try await bulk.database.execute("UPDATE factpulse.sweeps SET began_at = began_at - interval '2 days'")
            clients = try #require(try await SyncStore(bulk.database).overview().streams.first)
            #expect(!clients.isKept && clients.coverage == 90)
        }
    }

    @Test func `an unchanged client is known to be so since the last complete sync`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(10)
            try await bulk.syncClients()
            try await bulk.syncClients()
            let fresh: SQL = "_synced_at = (SELECT max(began_at) FROM factpulse.sweeps)"
            #expect(try await bulk.count("reporting.clients WHERE \(fresh)") == 10)
            #expect(try await bulk.count("factpulse.clients WHERE \(fresh)") == 0)
        }
    }

    @Test func `problems of PDP configurations are one row each`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(4)
            try await bulk.server.world.configurePDP([uids[0], uids[1], uids[2]])
            let bad: JSONValue = .object([
                "isActive": .bool(false), "secretStatus": .string("missing"), "lastTestSuccess": .bool(false),
            ])
            try await bulk.server.world.edit(uids[1], .object(["pdp": bad]))
            try await bulk.syncClients()
            try await bulk.database.execute("SELECT queue.enqueue('sync-pdp', '{}')")
            try await bulk.drain()
            let problems = try await bulk.database.query(
                "SELECT name || ': ' || problem FROM reporting.pdp_problems ORDER BY 1"
            ).map { try $0.decode(at: 0, as: String.self) }
            #expect(
                problems == [
                    "Client 2: inactive", "Client 2: last_test_failed", "Client 2: secret_missing",
                    "Client 4: not_configured",
                ]
            )
        }
    }
}
