import Foundation
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

/// What would create a client twice, step by step.
@Suite(.database, .timeLimit(.minutes(2)))
struct DuplicateClientTests {
    @Test func `a row that another run finishes while this run compares is not created again`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(BulkFixture.lines(1))
            try await bulk.pretendSending(first)
            await bulk.server.world.seedClients([SandboxClient(name: "Client 2", siret: SandboxWorld.siret(2))])
            let second = try await bulk.run(BulkFixture.lines(2))
            async let worker: Void = bulk.drain()
            // The second run's comparison stops at its second row, between two looks at the first.
            try await bulk.holding("SELECT FROM factpulse.bulk_rows WHERE run_id = \(second) AND row = 2 FOR UPDATE") {
                try await bulk.untilBlocked()
                let uid = await bulk.server.world.seedClients([
                    SandboxClient(name: "Société 1", siret: SandboxWorld.siret(1))
                ])[0]
                try await bulk.pretendDone(run: first, row: 1, uid: uid.uuidString)
            }
            try await worker
            #expect(try await bulk.creates() == 0)
            #expect(try await bulk.counts(second).open == 0)
        }
    }

    @Test func `a row whose client another row has got meanwhile is not sent, whatever made it ready`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(BulkFixture.lines(1))
            let second = try await bulk.run(["Autre nom;\(SandboxWorld.siret(1))"])
            try await bulk.release(second)
            let uid = await bulk.server.world.seedClients(1)[0].uuidString.lowercased()
            try await bulk.pretendDone(run: first, row: 1, uid: uid)
            try await bulk.drain()
            #expect(try await bulk.creates() == 0)
            let row = try #require(try await bulk.rows(second).first)
            #expect(row.state == .exists)
            #expect(row.uid == uid)
        }
    }

    @Test(arguments: ["ready", "sending", "done", "needs_review"])
    func `without a SIRET, a name that another run is sending or has sent needs a person`(state: String) async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(["Dupont et fils;"])
            try await bulk.pretendSending(first)
            // The list lags behind: it does not show this client.
            try await bulk.database.execute(
                """
                UPDATE factpulse.bulk_rows SET state = \(state), error_code = 'X',
                       uid = CASE WHEN \(state)::text = 'done' THEN gen_random_uuid() END
                 WHERE run_id = \(first)
                """
            )
            let second = try await bulk.run(["DUPONT et  fils;", "Durand;"])
            let third = try await bulk.run(["Dupont et fils;\(SandboxWorld.siret(7))"])
            try await bulk.drainWithoutSettling()
            let rows = try await bulk.rows(second)
            #expect(rows.map(\.state) == [.needsReview, .done])
            #expect(rows[0].errorCode == "SAME_NAME_IN_ANOTHER_RUN")
            #expect(rows[0].error?.hasPrefix("line 2 of run \(first) has this name, and neither has a SIRET") == true)
            #expect(try await rows[0].candidates == bulk.rows(first).compactMap(\.uid))
            #expect(try await bulk.rows(third).map(\.errorCode) == ["SAME_NAME_IN_ANOTHER_RUN"])
        }
    }

    @Test func `a row without SIRET waits for a person while another run sends its name with one`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(["Dupont et fils;\(SandboxWorld.siret(1))"])
            try await bulk.pretendSending(first)
            let second = try await bulk.run(["Dupont et fils;"])
            try await bulk.drainWithoutSettling()
            #expect(try await bulk.rows(second).map(\.errorCode) == ["SAME_NAME_IN_ANOTHER_RUN"])
            #expect(try await bulk.creates() == 0)
        }
    }

    @Test func `rows that name one client in _uid are one row`() async throws {
        try await BulkFixture.with { bulk in
            let uid = await bulk.server.world.seedClients([SandboxClient(name: "Dupont")])[0].uuidString.lowercased()
            let lost = UUID().uuidString
            let lines = [
                "Dupont;;\(uid)", "Durand;;\(uid.uppercased())", "Martin;;\(uid)", "Un;;\(lost)", "Deux;;\(lost)",
            ]
            let run = try await bulk.run(lines, header: "nom;siret;_uid")
            try await bulk.drain()
            let rows = try await bulk.rows(run)
            #expect(rows.map(\.state) == [.exists, .duplicate, .duplicate, .done, .done])
            #expect(
                rows[1].errorCode == "SAME_CLIENT" && rows[2].error?.hasPrefix("line 2 names the same client") == true
            )
        }
    }

    @Test func `two runs that are compared at once do not both send a name`() async throws {
        try await BulkFixture.with { bulk in
            let runs = try await [bulk.run(["Dupont et fils;", "Un;"]), bulk.run(["Dupont et fils;", "Deux;"])]
            async let worker: Void = bulk.drain()
            // Both comparisons have begun, neither is committed.
            try await bulk.holding("LOCK TABLE factpulse.bulk_rows IN SHARE MODE") {
                try await bulk.untilBlocked(2)
            }
            try await worker
            #expect(await bulk.server.world.report().clients == 3)
            let counts = try await [bulk.counts(runs[0]), bulk.counts(runs[1])]
            #expect(counts.reduce(0) { $0 + $1[.needsReview] } == 1)
        }
    }

    @Test func `a list that lost its memory in a crash of the database proves nothing`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(1)
            let run = try await bulk.run(BulkFixture.lines(1))
            // What recovery does to an unlogged table, right after the first sweep.
            try await bulk.database.execute(
                """
                CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN TRUNCATE factpulse.sightings; RETURN NULL; END $$
                """
            )
            try await bulk.database.execute(
                """
                CREATE TRIGGER crash AFTER UPDATE ON factpulse.sweeps FOR EACH ROW
                  WHEN (NEW.id = 1 AND NEW.outcome IS NOT NULL) EXECUTE FUNCTION crash()
                """
            )
            try await bulk.drain()
            #expect(try await bulk.count("factpulse.sweeps WHERE outcome = 'complete'") == 2)
            #expect(try await bulk.creates() == 0)
            #expect(try await bulk.counts(run)[.exists] == 1)
        }
    }
}

extension BulkFixture {
    /// Works until nothing is left but what waits for a later look at the server.
    func drainWithoutSettling() async throws {
        try await drain(dueWithin: .milliseconds(1))
    }
}
