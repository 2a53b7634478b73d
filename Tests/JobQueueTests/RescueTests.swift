import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct RescueTests {
    /// One worker takes the job and vanishes; another rescues.
    private func crash(_ queue: QueueFixture) async throws -> JobStore.Rescue {
        let worker = try await queue.register("crashing:1")
        #expect(try await queue.claim(10, for: worker).isEmpty == false)
        try await queue.silence(worker)
        return try #require(try await queue.rescue().first)
    }

    @Test func `the jobs of a vanished worker are ready again at their priority, and the attempt counts`() async throws
    {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue(priority: 7)
        let rescue = try await crash(queue)
        #expect(rescue.worker == "crashing:1")
        #expect(rescue.jobs == 1)
        let found = try #require(try await queue.store.job(id))
        #expect(found.state == "ready")
        #expect(found.priority == 7)
        #expect(found.attempt == 1)
        #expect(found.crashes == 1)
        #expect(try await queue.store.attempts(of: id).map(\.outcome) == ["crashed"])
    }

    @Test func `a job whose worker vanishes three times is quarantined and lets go of its key`() async throws {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue(uniqueKey: "poison")
        _ = try await crash(queue)
        _ = try await crash(queue)
        #expect(try await queue.state(of: id) == "ready")
        #expect(try await crash(queue).ended == [id])
        #expect(try await queue.state(of: id) == "quarantined")
        #expect(try await queue.count("queue.unique_keys") == 0)
        #expect(try await queue.store.retry(id) == .done)
        #expect(try await queue.state(of: id) == "ready")
    }

    @Test func `a living worker keeps its jobs`() async throws {
        let queue = try await QueueFixture()
        try await queue.enqueue()
        let worker = try await queue.register()
        _ = try await queue.claim(1, for: worker)
        #expect(try await queue.rescue().isEmpty)
        #expect(try await queue.count("queue.leases") == 1)
    }

    @Test func `a worker that was stopped within a transaction holds up the rescue of nothing else`() async throws {
        let queue = try await QueueFixture()
        let stopped = try await queue.register("stopped:1")
        let dead = try await queue.register("dead:1")
        for _ in 0..<3 { try await queue.enqueue() }
        let locked = try #require(try await queue.claim(1, for: stopped).first)
        let other = try #require(try await queue.claim(1, for: stopped).first)
        let theirs = try #require(try await queue.claim(1, for: dead).first)
        try await queue.silence(stopped)
        try await queue.silence(dead)
        try await queue.database.transaction { transaction in
            try await transaction.execute("SELECT queue.fence(\(locked.id), \(locked.token))")
            let rescues = try await queue.rescue()
            #expect(rescues.map(\.jobs) == [1, 1])
            #expect(try await queue.state(of: other.id) == "ready")
            #expect(try await queue.state(of: theirs.id) == "ready")
            #expect(try await queue.state(of: locked.id) == "running")
        }
        #expect(try await queue.rescue().map(\.jobs) == [1])
        #expect(try await queue.state(of: locked.id) == "ready")
        #expect(try await queue.count("queue.workers") == 0)
    }

    @Test func `claims racing the rescue of their own worker leave no lease without an owner`() async throws {
        let queue = try await QueueFixture(
            JobPolicy(description: "Often", maximumAttempts: 1_000, maximumCrashes: 1_000)
        )
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: 200),
            in: queue.database
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                let worker = try await queue.register()
                group.addTask { _ = try await queue.claim(5, for: worker) }
                group.addTask {
                    try await queue.silence(worker)
                    try await queue.rescue()
                }
            }
            try await group.waitForAll()
        }
        try await queue.rescue()
        #expect(
            try await queue.count(
                "queue.leases l WHERE NOT EXISTS (SELECT FROM queue.workers w WHERE w.id = l.worker_id)"
            ) == 0
        )
        #expect(try await queue.count("queue.leases") + queue.count("queue.ready") == 200)
    }
}
