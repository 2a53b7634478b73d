import Foundation
import Postgres
import TestSupport
import Testing

/// What a server tells about itself and what stands in the way.
@Suite(.database)
struct ServerTests {
    private var database: Database { TestDatabase.current.database }

    @Test func `a server tells its version, its settings and its clock`() async throws {
        let facts = try await database.serverFacts()
        #expect(facts.version >= 150_000)
        #expect(facts.versionName.hasPrefix("\(facts.version / 10_000)"))
        #expect(!facts.isStandby && facts.connections >= 1 && facts.connectionLimit > 10)
        #expect(TestDatabase.current.url.contains(facts.database))
        let fsync = try await database.query("SHOW fsync")[0].decode(at: 0, as: String.self)
        #expect(facts.fsync == (fsync == "on"))
        // The same machine, or one whose clock is right.
        #expect(abs(facts.clock.timeIntervalSinceNow) < 60)
    }

    @Test func `an open transaction is found with who holds it, one that ended is not`() async throws {
        try await database.transaction { transaction in
            try await transaction.execute("CREATE TABLE t ()")
            let pid = try await transaction.query("SELECT pg_backend_pid()")[0].decode(at: 0, as: Int.self)
            let held = try await database.heldSnapshots(longerThan: .zero)
            #expect(held.contains { $0.holder.contains("process \(pid) ") && $0.age != nil }, "\(held)")
            #expect(try await database.heldSnapshots(longerThan: .seconds(3_600)).isEmpty)
        }
        #expect(try await database.heldSnapshots(longerThan: .zero).isEmpty)
    }

    @Test func `connections that go straight to the server are not taken for a pooler's`() async throws {
        #expect(try await database.pooler() == .none)
    }

    @Test func `the rights that a user lacks are named`() async throws {
        #expect(try await database.missingRights(in: ["queue", "factpulse"]).isEmpty)
        try await TestDatabase.current.withWeakRole { role in
            try await database.execute("GRANT USAGE ON SCHEMA queue TO \(identifier: role)")
            try await database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA queue TO \(identifier: role)")
            let missing = try await database.transaction { transaction in
                try await transaction.execute("SET LOCAL ROLE \(identifier: role)")
                return try await transaction.missingRights(in: ["queue", "factpulse"])
            }
            #expect(missing.contains("UPDATE on queue.jobs") && missing.contains("USAGE on schema factpulse"))
            #expect(missing.contains("USAGE on queue.lease_tokens"))
            #expect(!missing.contains("SELECT on queue.jobs"))
        }
    }
}
