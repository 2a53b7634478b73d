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

    /// Runs workers one after the other until all jobs are over: each vanishes where `kills` says so of what it runs.
    /// - Returns: how many vanished.
    private func work(_ queue: QueueFixture, _ workers: Int, kills: (_ round: Int, [ClaimedJob]) -> Bool) async throws
        -> Int
    {
        var (round, vanished) = (0, 0)
        while try await queue.count("queue.jobs WHERE state = 'pending'") > 0, round < 2_000 {
            // All claim before one of them ends, as a fleet does.
            var fleet: [(id: Int64, jobs: [ClaimedJob])] = []
            for n in 0..<workers {
                let id = try await queue.register("w:\(round):\(n)")
                fleet.append((id, try await queue.claim(16, for: id)))
            }
            for worker in fleet {
                round += 1
                if kills(round, worker.jobs) {
                    vanished += 1
                    try await queue.silence(worker.id)
                } else {
                    _ = try await queue.store.finish(worker.jobs.map { FinishedJob(job: $0, outcome: .completed) })
                    try await queue.store.deregister(worker.id)
                }
            }
            _ = try await queue.rescue()
        }
        return vanished
    }

    @Test(arguments: [1, 3]) func `a job that ends workers is found among its neighbours, and none of those suffers`(
        poisons: Int
    ) async throws {
        let queue = try await QueueFixture()
        var ids: [Int64] = []
        for _ in 0..<64 { ids.append(try await queue.enqueue()) }
        let bad = Set(ids.filter { $0 % 20 == 7 }.prefix(poisons))
        let vanished = try await work(queue, 2) { _, jobs in jobs.contains { bad.contains($0.id) } }
        #expect(try await queue.count("queue.jobs WHERE state = 'done'") == 64 - poisons)
        for id in bad { #expect(try await queue.state(of: id) == "quarantined") }
        // Each once in company, and three times under suspicion; several stand in each other's light.
        #expect(vanished <= 4 * poisons * (poisons == 1 ? 1 : 3), "\(vanished)")
    }

    @Test func `under a storm of kills no job is quarantined, however often its worker was hit`() async throws {
        let queue = try await QueueFixture(JobPolicy(description: "Often", maximumAttempts: 1_000))
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: 400),
            in: queue.database
        )
        // Of eight workers at once, three die; the jobs of the dead come back a while later.
        var random = SystemRandomNumberGenerator()
        var dead: Set<Int> = []
        let vanished = try await work(queue, 8) { round, _ in
            if round % 8 == 1 { dead = Set((0..<8).shuffled(using: &random).prefix(3)) }
            return dead.contains(round % 8)
        }
        #expect(vanished > 50)
        #expect(try await queue.count("queue.jobs WHERE state = 'done'") == 400)
    }

    @Test func `a suspect that a worker gives back is still one, and one that comes back by itself is not`()
        async throws
    {
        let queue = try await QueueFixture()
        for _ in 0..<2 { try await queue.enqueue() }
        _ = try await crash(queue)
        let worker = try await queue.register()
        #expect(try await queue.claim(10, for: worker).map(\.isSuspect) == [true], "one at a time")
        try await queue.store.deregister(worker)
        let next = try await queue.register()
        let held = try await queue.claim(10, for: next)
        #expect(held.map(\.isSuspect) == [true])
        _ = try await queue.store.finish([FinishedJob(job: held[0], outcome: .snooze(.zero))])
        #expect(Set(try await queue.claim(10, for: next).map(\.isSuspect)) == [true, false])
        #expect(try await queue.store.job(held[0].id)?.crashes == 0, "another may have been the cause")
        #expect(try await !queue.store.isEmpty(["default"], dueWithin: .zero))
    }

    @Test func `a suspect can be cancelled`() async throws {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue(concurrencyKey: "a")
        _ = try await crash(queue)
        #expect(try await queue.store.cancel(id) == .done)
        #expect(try await queue.count("queue.ready") == 0)
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
