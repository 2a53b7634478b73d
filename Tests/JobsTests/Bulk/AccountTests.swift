import FactPulse
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database, .timeLimit(.minutes(2)))
struct AccountTests {
    static let other = Account(name: "factpulse.fr/demo")

    @Test func `a database is the account's that first recorded something, and refuses every other`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(BulkFixture.lines(2))
            var stranger = bulk
            stranger.account = Self.other
            let error = await #expect(throws: OtherAccount.self) {
                try await stranger.run(BulkFixture.lines(1, from: 9))
            }
            let text = error.map { "\($0)" } ?? ""
            #expect(
                text.contains("sandbox/demo") && text.contains("factpulse.fr/demo") && text.contains("--account-moved")
            )
            #expect(try await bulk.count("factpulse.bulk_runs") == 1)
            try await bulk.drainWithoutSettling()
            #expect(try await bulk.counts(first)[.done] == 2)
            await #expect(throws: PostgresError.self, "two are impossible") {
                try await bulk.database.execute("INSERT INTO factpulse.accounts (name) VALUES ('another')")
            }
        }
    }

    @Test func `many that are first at once are one`() async throws {
        try await BulkFixture.with { bulk in
            let accepted = await withTaskGroup(of: Bool.self) { group in
                for n in 0..<8 {
                    group.addTask {
                        do { try await Account(name: "account-\(n % 4)").bind(bulk.database) } catch { return false }
                        return true
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(accepted == 2, "both of one account")
        }
    }

    @Test func `credentials that the API refuses make no database their own`() async throws {
        try await BulkFixture.with { bulk in
            var wrong = bulk
            wrong.account = Self.other
            wrong.password = "wrong"
            try await bulk.database.execute(
                "SELECT queue.enqueue('sync-clients', '{}'), queue.enqueue('sync-pdp', '{}')"
            )
            try await wrong.drainWithoutSettling()
            #expect(try await bulk.count("queue.jobs WHERE state = 'failed'") == 2)
            #expect(try await bulk.count("factpulse.accounts") == 0)
            try await bulk.syncClients()
            #expect(try await Account.owner(of: bulk.database) == bulk.account)
        }
    }

    @Test func `a database that was handed over has all that it had, under the new name`() async throws {
        try await BulkFixture.with { bulk in
            #expect(try await Self.other.takeOver(bulk.database) == nil, "nobody's stays nobody's")
            let lines = BulkFixture.lines(2)
            let run = try await bulk.run(lines)
            var moved = bulk
            moved.account = Self.other
            #expect(try await moved.account.takeOver(bulk.database) == "sandbox/demo")
            try await moved.drainWithoutSettling()
            #expect(try await bulk.counts(run)[.done] == 2)
            #expect(try await moved.stage(lines) == .known(run: run))
        }
    }

    @Test func `a worker of before the handing over leaves every job alone, asks for no permit and pauses nothing`()
        async throws
    {
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
                """
                SELECT queue.enqueue('settle-creates', jsonb_build_object('account', account_id)) FROM factpulse.bulk_runs LIMIT 1
                """
            )
            #expect(try await Self.other.takeOver(bulk.database) != nil)
            let before = gate.count
            var late = bulk
            late.password = "wrong"
            try await late.drainWithoutSettling()
            #expect(gate.count == before, "permits are the account's own")
            #expect(try await bulk.count("queue.scheduled WHERE run_at > now() + interval '30 seconds'") == 42)
            #expect(try await bulk.store.run(fresh)?.state == .staged)
            #expect(try await bulk.store.run(begun)?.state == .running)
            #expect(try await bulk.counts(begun)[.ready] == 40)
            #expect(try await bulk.count("factpulse.sweeps") == 0)
            #expect(try await bulk.creates() == 0)
        }
    }
}
