import JobQueue
import Postgres
import Sandbox
import TestSupport
import Testing

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
            #expect(try await bulk.store.resolve(run: run, row: 61, .create) == .done(rows: 1))
            // Before all the others, as if it had come when none of them had begun.
            try await bulk.database.execute(
                "UPDATE queue.ready r SET priority = 1 FROM queue.jobs j WHERE j.id = r.job_id AND j.kind = 'finish-run'"
            )
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 61)
            #expect(try await bulk.store.run(run)?.state == .finished)
            let jobs = try await bulk.database.query("SELECT count(*) FROM queue.jobs WHERE kind = 'create-client'")
            #expect(try jobs[0].decode(at: 0, as: Int.self) == 61)
        }
    }
}

extension BulkFixture {
    /// Does by hand what starts a run: its rows are ready, but one that needs review, and their jobs wait.
    fileprivate func release(_ run: Int64, review row: Int64) async throws {
        try await database.transaction { transaction in
            try await transaction.execute("DELETE FROM queue.ready")
            let batch = try await JobStore.openBatch(
                callback: FinishRun.kind,
                arguments: #"{"run": \#(run)}"#,
                in: transaction
            )
            try await transaction.execute(
                "UPDATE factpulse.bulk_runs SET state = 'running', started_at = now(), batch_id = \(batch) WHERE id = \(run)"
            )
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET state = CASE WHEN row = \(row) THEN 'needs_review' ELSE 'ready' END, error_code = 'TEST'
                 WHERE run_id = \(run)
                """
            )
            try await transaction.execute(
                """
                SELECT queue.enqueue_many('create-client', array_agg(jsonb_build_object('run', run_id, 'row', row)), batch_id => \(batch))
                  FROM factpulse.bulk_rows WHERE run_id = \(run) AND state = 'ready'
                """
            )
            try await JobStore.sealBatch(batch, in: transaction)
        }
    }
}
