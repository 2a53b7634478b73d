import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(3)))
struct SyncClientsTests {
    @Test func `a sync writes every client, and a second one of unchanged clients writes and locks no row`()
        async throws
    {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(1_234)
            let first = try await bulk.syncClients()
            #expect(first == SyncClients.Report(outcome: "complete", clients: 1_234, appeared: 1_234))
            try await bulk.expectEqualToServer()
            let before = try await bulk.versions()
            let calls = await bulk.listCalls()

            #expect(try await bulk.syncClients() == SyncClients.Report(outcome: "complete", clients: 1_234))
            #expect(try await bulk.versions() == before)
            #expect(await bulk.listCalls() - calls == 13)
            #expect(try await bulk.count("factpulse.sightings") == 0)
        }
    }

    @Test func `what changed is one more version, without a gap or an overlap`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(150)
            try await bulk.syncClients()
            try await bulk.server.world.edit(
                uids[120],
                .object(["name": .string("Autre\u{0}ment"), "isActive": .bool(false)])
            )
            #expect(try await bulk.syncClients().changed == 1)
            try await bulk.server.world.edit(uids[120], .object(["name": .string("Encore")]))
            #expect(try await bulk.syncClients().changed == 1)
            try await bulk.expectEqualToServer()

            let rows = try await bulk.database.query(
                """
                SELECT name, change_type, valid_to IS NULL, valid_from = lag(valid_to) OVER (ORDER BY valid_from)
                  FROM factpulse.client_history WHERE uid = \(uids[120]) ORDER BY valid_from
                """
            ).map { try $0.decode((String.self, String.self, Bool.self, Bool?.self)) }
            #expect(rows.map(\.0) == ["Client 121", "Autre\u{FFFD}ment", "Encore"])
            #expect(rows.map(\.1) == ["appeared", "changed", "changed"])
            #expect(rows.map(\.2) == [false, false, true])
            #expect(rows.map(\.3) == [nil, true, true])
            #expect(try await bulk.count("factpulse.client_history") == 152)

            await #expect(throws: PostgresError.self) {
                try await bulk.database.execute(
                    "INSERT INTO factpulse.client_history SELECT * FROM factpulse.client_history WHERE uid = \(uids[120]) AND valid_to IS NOT NULL"
                )
            }
        }
    }

    @Test func `one client removed before the cursor and one added behind it do not fool the count`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(200)
            for _ in 0..<2 {
                try await bulk.server.world.setFaults([
                    FaultRule(.change, on: "listClients") {
                        ($0.from, $0.to, $0.removes, $0.creates, $0.pick) = (2, 2, 1, 1, .first)
                    }
                ])
                #expect(try await bulk.syncClients().outcome == "complete")
                let (local, server) = (try await bulk.localClients(), await bulk.serverClients())
                #expect(server.isSubset(of: local), "skipped: \(server.subtracting(local).map(\.name))")
            }
            try await bulk.server.world.setFaults([])
            try await bulk.syncClients()
            try await bulk.syncClients()
            try await bulk.expectEqualToServer()
        }
    }

    @Test func `a list that never stands still is partial: what was seen is written, and nothing concluded`()
        async throws
    {
        let churn = FaultRule(.change, on: "listClients") {
            ($0.renames, $0.removes, $0.creates, $0.pick) = (1, 1, 1, .first)
        }
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(450)
            try await bulk.syncClients()
            try await bulk.server.world.setFaults([churn])
            let report = try await bulk.syncClients()
            #expect(report.outcome == "partial")
            #expect(report.missing == 0)
            #expect(report.appeared > 0)
            #expect(
                try await bulk.count("factpulse.clients WHERE _missing_since IS NOT NULL OR _deleted_at IS NOT NULL")
                    == 0
            )
            #expect(try await bulk.count("factpulse.sweeps WHERE outcome = 'complete'") == 1)
        }
    }

    @Test func `a reader sees all of a sync or nothing of it, and never waits`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(250)
            // Stops the sync when all is written and nothing committed.
            try await bulk.database.pipeline([
                """
                CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END$$
                """,
                """
                CREATE TRIGGER stop BEFORE UPDATE ON factpulse.sweeps FOR EACH ROW WHEN (NEW.applied_at IS NOT NULL) EXECUTE FUNCTION stop()
                """,
            ])
            async let report = bulk.syncClients()
            try await bulk.holding("SELECT pg_advisory_xact_lock(42)") {
                try await bulk.untilBlocked()
                #expect(try await bulk.count("factpulse.clients") == 0)
                #expect(try await bulk.count("factpulse.client_history") == 0)
            }
            #expect(try await report.appeared == 250)
            #expect(try await bulk.count("factpulse.clients") == 250)
        }
    }

    @Test func `a sweep that began before the one that was applied last is dropped`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(20)
            try await bulk.syncClients()
            try await bulk.database.execute("UPDATE factpulse.sweeps SET began_at = began_at + interval '1 hour'")
            await bulk.server.world.seedClients(1)
            #expect(try await bulk.syncClients().outcome == "superseded")
            #expect(try await bulk.count("factpulse.clients") == 20)
            #expect(try await bulk.count("factpulse.sightings") == 0)
        }
    }
}

extension BulkFixture {
    /// Which version of each row is in the tables, and who last locked it.
    fileprivate func versions() async throws -> [String] {
        try await database.query(
            """
            SELECT string_agg(concat_ws(' ', xmin, xmax, ctid), ',' ORDER BY uid) FROM factpulse.clients
             UNION ALL
            SELECT string_agg(concat_ws(' ', xmin, xmax, ctid), ',' ORDER BY uid) FROM factpulse.client_history
            """
        ).map { try $0.decode(at: 0, as: String.self) }
    }
}
