import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database, .timeLimit(.minutes(2)))
struct AccountTests {
    @Test func `what was rehearsed for one account says nothing about another`() async throws {
        try await BulkFixture.with { rehearsal in
            let lines = BulkFixture.lines(4) + ["Dupont et fils;"]
            let first = try await rehearsal.run(lines)
            try await rehearsal.drainWithoutSettling()
            // One row of it stays where it blocks others of its account.
            try await rehearsal.database.execute(
                "UPDATE factpulse.bulk_rows SET state = 'needs_review', error_code = 'X' WHERE run_id = \(first) AND row = 1"
            )
            try await BulkFixture.with { other in
                var real = other
                real.account = Account(name: "factpulse.fr/demo")
                let second = try await real.run(lines)
                #expect(second != first)
                try await real.drainWithoutSettling()
                #expect(try await real.counts(second)[.done] == 5)
                #expect(try await real.creates() == 5)
            }
        }
    }

    @Test func `a worker leaves the runs of another account alone`() async throws {
        let gate = CountingGate()
        try await BulkFixture.with(gate: gate) { bulk in
            let fresh = try await bulk.run(BulkFixture.lines(3))
            let begun = try await bulk.run(BulkFixture.lines(40, from: 10))
            try await bulk.release(begun)
            let lost = try await bulk.run(BulkFixture.lines(1, from: 100))
            try await bulk.pretendSending(lost)
            try await bulk.database.execute(
                "UPDATE factpulse.bulk_rows SET settle_until = now() WHERE run_id = \(lost)"
            )
            try await bulk.database.execute(
                "SELECT queue.enqueue('start-run', jsonb_build_object('run', \(fresh)::bigint))"
            )
            try await bulk.database.execute(
                """
                SELECT queue.enqueue('settle-creates', jsonb_build_object('account', account_id)) FROM factpulse.bulk_runs LIMIT 1
                """
            )
            var stranger = bulk
            stranger.account = Account(name: "factpulse.fr/demo")
            let worker = Task { [stranger] in try await stranger.drainWithoutSettling() }
            try await bulk.until("(SELECT count(*) FROM queue.scheduled) = 43")
            worker.cancel()
            _ = await worker.result
            #expect(try await bulk.store.run(fresh)?.state == .staged)
            #expect(try await bulk.counts(begun)[.ready] == 40)
            #expect(try await bulk.count("factpulse.sweeps") == 0)
            #expect(try await bulk.creates() == 0)
            #expect(gate.count <= 32, "permits are the account's own")
        }
    }
}
