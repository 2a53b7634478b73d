import FactPulse
import Foundation
import JobQueue
import Jobs
import Postgres
import Sandbox
import Synchronization
import TestSupport
import Testing

/// Orders of people that meet the jobs of a run at the worst moment.
@Suite(.database, .timeLimit(.minutes(2)))
struct RunRaceTests {
    @Test func `a decision about the last row that meets the end of the run is carried out`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([SandboxClient(name: "Alpha")])
            let run = try await bulk.run(["Alpha;"])
            try await bulk.drain()
            // As if the run's end were being written just now.
            try await bulk.database.execute("UPDATE factpulse.bulk_runs SET state = 'running', finished_at = NULL")
            try await bulk.database.execute(
                "SELECT queue.enqueue('finish-run', jsonb_build_object('run', \(run)::bigint))"
            )
            async let worker: Void = bulk.drain()
            let decision: Task<BulkStore.ControlResult, any Error> = Task {
                try await bulk.untilBlocked()
                return try await bulk.store.resolve(run: run, line: 2, .send)
            }
            try await bulk.holding("SELECT FROM factpulse.bulk_runs WHERE id = \(run) FOR UPDATE") {
                try await bulk.until(
                    """
                    EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(run) AND state = 'ready')
                    OR \(BulkFixture.blocked) >= 2
                    """
                )
            }
            #expect(try await decision.value == .done(rows: 1))
            try await worker
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
            #expect(try await bulk.store.run(run)?.state == .finished)
        }
    }

    @Test func `cancelling a run that is being compared does not deadlock`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(20))
            async let worker: Void = bulk.drain()
            let order: Task<BulkStore.ControlResult, any Error> = Task {
                try await bulk.untilBlocked()
                return try await bulk.store.cancel(run)
            }
            try await bulk.holding("SELECT FROM factpulse.bulk_rows WHERE run_id = \(run) AND row = 20 FOR UPDATE") {
                try await bulk.untilBlocked(2)
            }
            guard case .done = try await order.value else {
                Issue.record("the run could not be cancelled")
                return
            }
            try await worker
            let counts = try await bulk.counts(run)
            #expect(counts[.skipped] + counts[.done] == 20)
            #expect(try await bulk.creates() == counts[.done])
            let deadlocks: SQL = "(SELECT deadlocks FROM pg_stat_database WHERE datname = current_database())"
            #expect(try await bulk.holds("\(deadlocks) = 0"))
        }
    }

    @Test(arguments: ["start-run", "finish-run"])
    func `a job that has decided but not ended does not swallow the next one`(kind: String) async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([SandboxClient(name: "Alpha")])
            let run = try await bulk.run(["Alpha;", "Bêta;"])
            if kind == "finish-run" {
                try await bulk.drain()
            } else {
                try await bulk.database.execute("UPDATE factpulse.bulk_runs SET state = 'paused', reason = 'x'")
            }
            // It runs in another worker, which is about to write that it is over.
            try await bulk.database.execute("DELETE FROM queue.ready")
            try await bulk.database.execute(
                "SELECT queue.enqueue(\(kind), jsonb_build_object('run', \(run)::bigint), unique_key => \(run)::text)"
            )
            let job = try await bulk.database.query("SELECT max(id) FROM queue.jobs WHERE kind = \(kind)")[0]
                .decode(at: 0, as: Int64.self)
            try await bulk.database.execute("DELETE FROM queue.ready WHERE job_id = \(job)")
            if kind == "finish-run" {
                #expect(try await bulk.store.resolve(run: run, line: 2, .send) == .done(rows: 1))
            } else {
                #expect(try await bulk.store.retry(run) == .done(rows: 0))
            }
            try await bulk.database.execute("UPDATE queue.jobs SET state = 'done', ended_at = now() WHERE id = \(job)")
            try await bulk.database.execute("SELECT queue.let_go(ARRAY[\(job)::bigint])")
            try await bulk.drain()
            #expect(try await bulk.store.run(run)?.state == .finished)
            #expect(try await bulk.counts(run).open == 0)
        }
    }

    @Test func `the rows of a cancelled run cost no request's worth of the rate limit`() async throws {
        let gate = CountingGate()
        try await BulkFixture.with(gate: gate) { bulk in
            let run = try await bulk.run(BulkFixture.lines(200))
            try await bulk.release(run)
            #expect(try await bulk.store.cancel(run) == .done(rows: 200))
            try await bulk.drain()
            #expect(gate.count <= 32)
            #expect(try await bulk.count("queue.jobs WHERE kind = 'create-client' AND state = 'done'") == 200)
        }
    }

    @Test func `a row left to another run that was then cancelled can be sent after all`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(BulkFixture.lines(1))
            try await bulk.release(first)
            try await bulk.database.execute(
                "UPDATE factpulse.bulk_runs SET state = 'paused', reason = 'x' WHERE id = \(first)"
            )
            guard case .new(let second) = try await bulk.stage(BulkFixture.lines(1), forceNew: true) else {
                Issue.record("a forced run is new")
                return
            }
            try await bulk.drain()
            #expect(try await bulk.rows(second).map(\.errorCode) == ["SENT_BY_ANOTHER_RUN"])
            #expect(try await bulk.store.cancel(first) == .done(rows: 1))
            #expect(try await bulk.store.retry(second) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.counts(second)[.done] == 1)
        }
    }

    @Test func `rows left to a paused run exist once it has created them`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(BulkFixture.lines(2))
            try await bulk.release(first)
            try await bulk.database.execute(
                "UPDATE factpulse.bulk_runs SET state = 'paused', reason = 'x' WHERE id = \(first)"
            )
            let second = try await bulk.run(BulkFixture.lines(3), options: FileOptions(fix: true))
            try await bulk.drain()
            #expect(try await bulk.rows(second).map(\.state) == [.duplicate, .duplicate, .done])
            #expect(try await bulk.store.run(second)?.state == .finished, "nobody waits for a run that is paused")
            _ = try await bulk.store.retry(first)
            try await bulk.drain()
            #expect(try await bulk.rows(second).map(\.state) == [.exists, .exists, .done])
            #expect(try await bulk.rows(second).prefix(2).map(\.uid) == bulk.rows(first).map(\.uid))
            #expect(try await bulk.creates() == 3)
        }
    }

    @Test func `a run whose job was lost goes on after a retry`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(3))
            try await bulk.database.execute("DELETE FROM queue.ready")
            #expect(try await bulk.store.retry(run) == .done(rows: 0))
            try await bulk.database.execute("DELETE FROM queue.ready")
            try await bulk.database.execute("UPDATE factpulse.bulk_runs SET state = 'running', started_at = now()")
            #expect(try await bulk.store.retry(run) == .done(rows: 0))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 3)
            #expect(try await bulk.store.run(run)?.state == .finished)
        }
    }
}

/// Lets everything through and counts.
final class CountingGate: RequestGate {
    private let admitted = Mutex(0)

    var count: Int { admitted.withLock { $0 } }

    func admit() async throws(RequestGateClosed) { admitted.withLock { $0 += 1 } }
    func throttled(retryAfter: Duration?) async {}
    func succeeded() {}
}
