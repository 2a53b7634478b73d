import Postgres
import Synchronization
import TestSupport
import Testing

@testable import JobQueue

/// Many workers at few keys. The database itself forbids two at once: `busy` has one row a key.
@Suite(.database)
struct KeyRaceTests {
    private static let policy = JobPolicy(description: "Often", maximumAttempts: 1_000, maximumCrashes: 1_000)

    private func enqueue(_ count: Int, keys: Int, _ queue: QueueFixture) async throws {
        try await queue.database.execute("CREATE TABLE busy (key text PRIMARY KEY)")
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: count),
            concurrencyKeys: (0..<count).map { "key \($0 % keys)" },
            in: queue.database
        )
    }

    /// Runs a job as a worker would: busy while it runs.
    private func work(_ jobs: [ClaimedJob], _ queue: QueueFixture) async throws {
        let keys = jobs.compactMap(\.concurrencyKey)
        try await queue.database.execute("INSERT INTO busy SELECT unnest(\(keys)::text[])")
        try await queue.database.execute("DELETE FROM busy WHERE key = ANY (\(keys))")
        let outcomes: [JobOutcome] = [.completed, .completed, .snooze(.zero), .retry(after: .zero, reason: "again")]
        let ends = jobs.map { FinishedJob(job: $0, outcome: outcomes[Int.random(in: 0..<outcomes.count)]) }
        // A deadlock, were there one, would be an error here or in a claim.
        #expect(try await queue.store.finish(ends).count == ends.count)
    }

    @Test func `eight that claim and one that cancels never run two of a key at once, and every job ends`() async throws
    {
        let queue = try await QueueFixture(Self.policy)
        try await enqueue(300, keys: 5, queue)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let worker = try await queue.register("test:\(number)")
                    while try await queue.count("queue.jobs WHERE state = 'pending'") > 0 {
                        let claim = try await queue.store.claim(7, from: "default", after: .init(), for: worker)
                        if !claim.jobs.isEmpty { try await work(claim.jobs, queue) }
                    }
                }
            }
            group.addTask {
                for id in try await queue.store.list(state: nil, kind: nil, limit: 300).map(\.id) where id % 5 == 0 {
                    _ = try await queue.store.cancel(id)
                }
            }
            // The first error ends the others too.
            for try await _ in group {}
        }
        #expect(try await queue.count("queue.jobs WHERE state IN ('done', 'cancelled')") == 300)
        #expect(try await queue.count("queue.jobs WHERE state = 'cancelled'") > 0)
        #expect(try await queue.count("queue.parked") == 0)
        #expect(try await queue.count("queue.key_holders") == 0)
    }

    @Test func `workers that vanish all the time strand no key`() async throws {
        let queue = try await QueueFixture(Self.policy)
        try await enqueue(120, keys: 4, queue)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    var worker = try await queue.register()
                    while try await queue.count("queue.jobs WHERE state = 'pending'") > 0 {
                        let jobs = try await queue.claim(5, for: worker)
                        if Int.random(in: 0..<4) == 0 {
                            try await queue.silence(worker)
                            worker = try await queue.register()
                        } else if !jobs.isEmpty {
                            // As a job does it: behind the fence, so that one that was rescued meanwhile writes nothing.
                            _ = try await queue.store.finish(jobs.map { FinishedJob(job: $0, outcome: .completed) })
                        }
                        try await queue.rescue()
                    }
                }
            }
            // The first error ends the others too.
            for try await _ in group {}
        }
        #expect(try await queue.count("queue.jobs WHERE state = 'done'") == 120)
        #expect(try await queue.count("queue.parked") + queue.count("queue.key_holders") == 0)
    }

    @Test func `a crowd at one key does not keep others waiting, and its own jobs follow one another at once`()
        async throws
    {
        let queue = try await QueueFixture(Self.policy)
        try await enqueue(120, keys: 1, queue)
        let others = Set(try await (0..<30).asyncMap { _ in try await queue.enqueue() })
        let order = Mutex<[Int64]>([])
        let start = ContinuousClock.now
        try await queue.withWorker {
            $0.concurrency = 8
            $0.pollInterval = .seconds(5)
        } job: { _, context in
            if let key = context.job.concurrencyKey {
                try await queue.database.execute("INSERT INTO busy VALUES (\(key))")
                try await queue.database.execute("DELETE FROM busy WHERE key = \(key)")
            }
            order.withLock { $0.append(context.job.id) }
            return .completed
        } _: {
            try await queue.until("NOT EXISTS (SELECT FROM queue.jobs WHERE state <> 'done')", within: .seconds(60))
        }
        let places = order.withLock { order in order.indices.filter { others.contains(order[$0]) } }
        // All 120 were there before them.
        #expect(try #require(places.last) < 75)
        // Each waits for the end of the one before to be written, never for a poll.
        #expect(ContinuousClock.now - start < .seconds(45))
        #expect(try await queue.count("queue.attempts") == 0)
    }
}

extension Sequence {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var results: [T] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
