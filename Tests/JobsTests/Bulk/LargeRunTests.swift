import Logging
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import JobQueue
@testable import Jobs

/// What must not grow with the rows of a run.
@Suite(.database)
struct LargeRunTests {
    /// Joined, this many names and clients took 25 million comparisons: the tables are new, and no statistics said so.
    @Test func `rows without SIRET are compared with the clients by an index`() async throws {
        try await BulkFixture.with { bulk in
            let names = (1...5_000).map { "Société \($0)" }
            await bulk.server.world.seedClients(names.map { SandboxClient(name: $0) })
            let run = try await bulk.run(names.map { "\($0.uppercased());" })
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.needsReview] == 5_000)
            // The sweep's own time is not meant: it ends where the first row is compared.
            let elapsed = try await bulk.database.query(
                """
                SELECT extract(epoch FROM j.ended_at - s.ended_at)::float8
                  FROM queue.jobs j, factpulse.sweeps s WHERE j.kind = 'start-run'
                """
            )
            #expect(try elapsed[0].decode(at: 0, as: Double.self) < 10)
        }
    }

    @Test func `a run whose first jobs still wait gets no second ones`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([SandboxClient(name: "Dupont")])
            let run = try await bulk.run(BulkFixture.lines(60) + ["Dupont;"])
            try await bulk.release(run, review: 61)
            #expect(try await bulk.store.resolve(run: run, line: 62, .send) == .done(rows: 1))
            // What follows a run to its end looks at it when none of them has begun.
            try await bulk.database.execute(
                "SELECT queue.enqueue('finish-run', jsonb_build_object('run', \(run)::bigint), priority => 1)"
            )
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 61)
            #expect(try await bulk.store.run(run)?.state == .finished)
            let jobs = try await bulk.database.query("SELECT count(*) FROM queue.jobs WHERE kind = 'create-client'")
            #expect(try jobs[0].decode(at: 0, as: Int.self) == 61)
        }
    }

    /// Joined, so many rows and clients took 20 seconds.
    @Test func `lost answers are settled by an index`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(3_000))
            let sweep = try await bulk.sweep(
                after: """
                    UPDATE factpulse.bulk_rows SET state = 'uncertain', sent_at = now(), settle_until = now(), job_id = 0, token = 0,
                           siret = CASE WHEN row % 2 = 0 THEN siret END
                     WHERE run_id = \(run)
                    """,
                others: 97_000
            )
            let context = try await bulk.claimSettling()
            let accounts = try await bulk.database.query("SELECT account_id FROM factpulse.bulk_runs")
            let account = try accounts[0].decode(at: 0, as: Int64.self)
            let begin = ContinuousClock.now
            let verdicts = try await DueCreates(account: account, times: BulkFixture.settle).settle(
                with: sweep,
                context
            )
            #expect(verdicts == ["adopted": 1_500, "namesake": 1_500])
            #expect(ContinuousClock.now - begin < .seconds(15))
        }
    }
}

extension BulkFixture {
    /// A sweep that saw the client of every row, and others.
    fileprivate func sweep(after change: SQL, others: Int) async throws -> Int64 {
        try await database.execute(change)
        let sweep = try await database.query(
            """
            INSERT INTO factpulse.sweeps (purpose, ended_at, outcome, clients)
            VALUES ('test', clock_timestamp(), 'complete', 1) RETURNING id
            """
        )[0].decode(at: 0, as: Int64.self)
        try await database.execute(
            """
            INSERT INTO factpulse.sightings (sweep_id, uid, siret, name_key, is_active, created_at, updated_at)
            SELECT \(sweep)::bigint, gen_random_uuid(), r.siret, r.name_key, true, now(), now() FROM factpulse.bulk_rows r
             UNION ALL
            SELECT \(sweep)::bigint, gen_random_uuid(), 'S' || n, 'client ' || n, true, now(), now() FROM generate_series(1, \(others)::int) n
            """
        )
        return sweep
    }

    /// A settling job in the hands of a worker.
    fileprivate func claimSettling() async throws -> JobContext {
        try await database.execute("DELETE FROM queue.ready")
        try await database.execute(
            "SELECT \(SettleCreates.enqueue(for: "r.account_id", at: "now()")) FROM factpulse.bulk_runs r"
        )
        let jobs = JobStore(database)
        let worker = try await jobs.register(name: "test:1", version: "test", queues: ["default"], concurrency: 1)
        let job = try await jobs.claim(1, from: "default", after: JobStore.ClaimCursor(), for: worker).jobs[0]
        return JobContext(job: job, store: jobs, logger: .quiet, liveness: Liveness(limit: .seconds(60)))
    }
}
