import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct OverviewTests {
    @Test func `the overview tells by kind what waits, runs and ended badly, and who works`() async throws {
        let queue = try await QueueFixture()
        let worker = try await queue.register()
        for _ in 0..<4 { try await queue.enqueue() }
        try await queue.enqueue(delay: .seconds(60))
        let held = try await queue.claim(3, for: worker)
        _ = try await queue.store.finish([FinishedJob(job: held[0], outcome: .failed(reason: "broken"))])
        _ = try await queue.store.finish([FinishedJob(job: held[1], outcome: .completed)])

        let overview = try await queue.store.overview()
        let depth = try #require(overview.depths.first)
        #expect(overview.depths.count == 1 && depth.kind == QueueFixture.kind)
        #expect((depth.ready, depth.scheduled, depth.running) == (1, 1, 1))
        #expect(try #require(depth.oldestReady) >= .zero)
        #expect(overview.troubles.map(\.failed) == [1] && overview.troubles.map(\.quarantined) == [0])
        #expect(overview.workers.map(\.running) == [1] && overview.workers.allSatisfy(\.isAlive))
        try await queue.silence(worker)
        #expect(try await queue.store.overview().workers.allSatisfy { !$0.isAlive })
    }

    @Test func `the overview tells quarantined jobs, a closed rate limit and a batch that nobody followed up`()
        async throws
    {
        let queue = try await QueueFixture(JobPolicy(description: "Crashes", maximumCrashes: 1))
        try await queue.enqueue()
        let worker = try await queue.register()
        _ = try await queue.claim(1, for: worker)
        try await queue.silence(worker)
        _ = try await queue.rescue()
        let limiter = RateLimiter(queue.database, name: "api", cap: 10, logger: .quiet)
        try await limiter.declare()
        try await limiter.throttled(retryAfter: .seconds(60))
        let batch = try await JobStore.openBatch(callback: QueueFixture.kind, arguments: "{}", in: queue.database)
        try await JobStore.sealBatch(batch, in: queue.database)

        let overview = try await queue.store.overview()
        #expect(overview.troubles.map(\.quarantined) == [1])
        let limit = try #require(overview.rateLimits.first)
        #expect(limit.cap == 10 && (6.9...7.5).contains(limit.rate) && limit.throttled == 1)
        #expect(limit.blocked > .seconds(30))
        #expect(overview.emptyBatches == 1)
        try await queue.store.settleBatch(batch)
        #expect(try await queue.store.overview().emptyBatches == 0)
    }

    @Test func `jobs are found in every state, whoever ended them`() async throws {
        let queue = try await QueueFixture(JobPolicy(description: "Crashes", maximumCrashes: 1))
        let worker = try await queue.register()
        let names: [JobState] = [.done, .failed, .cancelled, .quarantined, .running, .parked, .ready, .scheduled]
        var ids: [JobState: Int64] = [:]
        for state in names {
            ids[state] = try await queue.enqueue(
                concurrencyKey: state == .running || state == .parked ? "a" : nil,
                delay: state == .scheduled ? .seconds(60) : nil
            )
        }
        let byOperator = try await queue.enqueue()
        #expect(try await queue.store.cancel(byOperator) == .done)
        let held = try await queue.claim(3, for: worker)
        _ = try await queue.store.finish([
            FinishedJob(job: held[0], outcome: .completed),
            FinishedJob(job: held[1], outcome: .failed(reason: "broken")),
            FinishedJob(job: held[2], outcome: .cancelled(reason: "not needed")),
        ])
        let unlucky = try await queue.register("test:2")
        _ = try await queue.claim(1, for: unlucky)
        try await queue.silence(unlucky)
        _ = try await queue.rescue()
        // The running one, and the one behind its key.
        #expect(try await queue.claim(2, for: worker).count == 1)
        #expect(try await queue.store.overview().depths.map(\.parked) == [1])
        for state in names {
            let found = try await queue.store.list(state: state, kind: nil, limit: 10).map(\.id)
            let expected = [ids[state]].compactMap(\.self)
            #expect(found == (state == .cancelled ? [byOperator] + expected : expected), "\(state)")
        }
    }

    @Test func `neither the overview nor a list by state reads the jobs that succeeded`() async throws {
        let queue = try await QueueFixture()
        try await queue.database.execute(
            """
            INSERT INTO queue.jobs (state, kind, args, queue, priority, max_attempts, ended_at)
            SELECT 'done', 'noop', '{}', 'default', 100, 8, now() FROM generate_series(1, 20000)
            """
        )
        try await queue.enqueue()
        // In any order, each job of another state is newer or older than all of them.
        try await queue.database.execute("UPDATE queue.jobs SET state = 'failed', error = 'x' WHERE id = 1")
        try await queue.database.execute(
            """
            INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
            VALUES (1, 1, 1, 'w', 'failed', 'x', now())
            """
        )
        try await queue.database.execute("ANALYZE")
        var configuration = try PostgresConfiguration(url: TestDatabase.current.url)
        // One session, so that its own counts can be asked for.
        configuration.maximumConnections = 1
        let database = Database(configuration, logger: .quiet)
        let store = JobStore(database)
        let before = try await Self.jobsRead(database)
        _ = try await store.overview()
        for state in JobState.allCases where state != .done {
            _ = try await store.list(state: state, kind: nil, limit: 10)
        }
        #expect(try await Self.jobsRead(database) - before < 100)
        await database.close()
    }

    /// Rows of `queue.jobs` that were read so far, by whatever plan.
    private static func jobsRead(_ database: Database) async throws -> Int {
        try await database.execute("SELECT pg_stat_force_next_flush()")
        let rows = try await database.query(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'queue.jobs'::regclass"
        )
        return try rows[0].decode(at: 0, as: Int.self)
    }
}
