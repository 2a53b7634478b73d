import JobQueue
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// Jobs of a run that were lost to their workers.
@Suite(.database, .timeLimit(.minutes(2)))
struct LostJobTests {
    @Test func `a row whose job was quarantined is set aside, not sent, and sent when a person says so`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(3))
            try await bulk.release(run)
            // As a rescue leaves it.
            try await bulk.database.execute(
                """
                WITH poison AS (
                    UPDATE queue.jobs SET state = 'quarantined', ended_at = clock_timestamp() + interval '1 ms', error = 'vanished'
                     WHERE kind = 'create-client' AND args ->> 'row' = '2' RETURNING id
                ), gone AS (DELETE FROM queue.ready WHERE job_id IN (SELECT id FROM poison)
                ), left_batch AS (DELETE FROM queue.batch_members WHERE job_id IN (SELECT id FROM poison))
                INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, started_at)
                SELECT id, 3, 1, 'w', 'crashed', now() FROM poison
                """
            )
            try await bulk.drain()
            let row = try await bulk.rows(run)[1]
            #expect(row.state == .failed && row.errorCode == "JOB_QUARANTINED", "\(row)")
            #expect(row.error?.contains("bulk-runs retry") == true, "\(row)")
            #expect(try await bulk.creates() == 2)
            #expect(try await bulk.store.run(run)?.state == .finished)
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 3)
            #expect(try await bulk.creates() == 3)
        }
    }

    @Test func `a run that was started by a worker which died before it could say so is not started again`()
        async throws
    {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(3))
            try await bulk.release(run)
            let lists = await bulk.listCalls()
            try await bulk.database.execute(
                "SELECT queue.enqueue('start-run', jsonb_build_object('run', \(run)::bigint))"
            )
            try await bulk.drain()
            #expect(await bulk.listCalls() == lists)
            #expect(try await bulk.count("queue.batches") == 1)
            #expect(try await bulk.count("queue.jobs WHERE kind = 'finish-run'") == 1)
            #expect(try await bulk.counts(run)[.done] == 3)
        }
    }

    @Test(arguments: [
        ("settle-creates", #"{"account": 3000000000}"#), ("settle-creates", #"{"account": 1.5}"#),
        ("settle-creates", #"{"account": 1e300}"#), ("start-run", #"{"run": 1e300}"#),
        ("sync-pdp-slice", #"{"sync": 1, "slice": 9223372036854775807}"#),
    ]) func `a number that is out of every range fails its job at once`(kind: String, arguments: String) async throws {
        try await BulkFixture.with { bulk in
            try await bulk.database.execute("SELECT queue.enqueue(\(kind), \(arguments)::jsonb)")
            try await bulk.drain()
            #expect(try await bulk.count("queue.jobs WHERE state = 'failed' AND attempt = 1") == 1)
        }
    }
}
