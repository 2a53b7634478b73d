import Postgres
import Synchronization
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct ConcurrencyKeyTests {
    /// Nobody is left behind: whoever is parked has a holder or a ready job of its key before it, and who holds has a lease.
    private func expectOrder(_ queue: QueueFixture, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let lost = try await queue.count(
            """
            (SELECT 1 FROM queue.parked p
              WHERE NOT EXISTS (SELECT FROM queue.key_holders h WHERE h.concurrency_key = p.concurrency_key)
                AND NOT EXISTS (SELECT FROM queue.ready r WHERE r.concurrency_key = p.concurrency_key AND r.queue = p.queue)
             UNION ALL
             SELECT 1 FROM queue.key_holders h WHERE NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = h.job_id)
             UNION ALL
             SELECT 1 FROM queue.leases l JOIN queue.jobs j ON j.id = l.job_id AND j.concurrency_key IS NOT NULL
              WHERE NOT EXISTS (SELECT FROM queue.key_holders h
                                 WHERE h.job_id = l.job_id AND h.concurrency_key = j.concurrency_key)) lost
            """
        )
        #expect(lost == 0, sourceLocation: sourceLocation)
    }

    private func end(_ job: ClaimedJob, as outcome: JobOutcome = .completed, _ queue: QueueFixture) async throws {
        #expect(try await queue.store.finish([FinishedJob(job: job, outcome: outcome)]) == [job.id])
    }

    @Test func `of the jobs of one key one runs, and the others wait aside without holding up those behind them`()
        async throws
    {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(concurrencyKey: "client 1")
        let second = try await queue.enqueue(concurrencyKey: "client 1")
        let other = try await queue.enqueue(concurrencyKey: "client 2")
        let free = try await queue.enqueue()
        let worker = try await queue.register()
        let claim = try await queue.store.claim(10, from: "default", after: .init(), for: worker)
        #expect(claim.jobs.map(\.id) == [first, other, free])
        #expect(claim.seen == 4)
        #expect(claim.cursor?.jobID == free)
        #expect(try await queue.state(of: second) == "parked")
        #expect(try await queue.store.list(state: .parked, kind: nil, limit: 10).map(\.id) == [second])
        #expect(try await queue.claim(10, for: worker).isEmpty)
        try await expectOrder(queue)
    }

    @Test(arguments: [
        JobOutcome.completed, .failed(reason: "broken"), .cancelled(reason: "unwanted"),
        .retry(after: .seconds(3_600), reason: "no luck"), .snooze(.seconds(3_600)),
    ])
    func `however the holder's attempt ends, the next one is ready at once`(outcome: JobOutcome) async throws {
        let queue = try await QueueFixture()
        for _ in 0..<3 { try await queue.enqueue(concurrencyKey: "a") }
        let worker = try await queue.register()
        let holder = try #require(try await queue.claim(10, for: worker).first)
        try await end(holder, as: outcome, queue)
        let next = try await queue.claim(10, for: worker)
        #expect(next.count == 1)
        #expect(next.first?.id != holder.id)
        try await expectOrder(queue)
    }

    @Test func `within a key the smallest priority comes first, then the oldest`() async throws {
        let queue = try await QueueFixture()
        let holder = try await queue.enqueue(concurrencyKey: "a")
        let late = try await queue.enqueue(priority: 200, concurrencyKey: "a")
        let old = try await queue.enqueue(concurrencyKey: "a")
        let young = try await queue.enqueue(concurrencyKey: "a")
        let urgent = try await queue.enqueue(priority: 1, concurrencyKey: "a")
        let worker = try await queue.register()
        var order: [Int64] = []
        // The urgent one comes before the first, as in any queue.
        while let job = try await queue.claim(10, for: worker).first {
            order.append(job.id)
            try await end(job, queue)
        }
        #expect(order == [urgent, holder, old, young, late])
    }

    @Test func `an attempt that comes back at once goes behind none of its key that are younger`() async throws {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(concurrencyKey: "a")
        try await queue.enqueue(concurrencyKey: "a")
        let worker = try await queue.register()
        let holder = try #require(try await queue.claim(10, for: worker).first)
        try await end(holder, as: .snooze(.zero), queue)
        #expect(try await queue.claim(10, for: worker).map(\.id) == [first])
        try await expectOrder(queue)
    }

    @Test func `jobs of one key in two queues exclude each other, and a queue that nobody serves blocks nobody`()
        async throws
    {
        let queue = try await QueueFixture()
        func enqueue(_ name: String) async throws -> Int64 {
            try await JobStore.enqueue(QueueFixture.kind, queue: name, concurrencyKey: "a", in: queue.database)
        }
        let holder = try await enqueue("default")
        let elsewhere = try await enqueue("unserved")
        let next = try await enqueue("default")
        let worker = try await queue.register()
        let job = try #require(try await queue.claim(10, for: worker).first)
        #expect(job.id == holder)
        #expect(try await queue.store.claim(10, from: "unserved", after: .init(), for: worker).jobs.isEmpty)
        #expect(try await queue.state(of: elsewhere) == "parked")
        try await end(job, queue)
        #expect(try await queue.claim(10, for: worker).map(\.id) == [next])
        try await expectOrder(queue)
    }

    @Test func `the key of a vanished worker's job is passed on by the rescue`() async throws {
        let queue = try await QueueFixture(JobPolicy(description: "Once", maximumAttempts: 1))
        let first = try await queue.enqueue(concurrencyKey: "a")
        let second = try await queue.enqueue(concurrencyKey: "a")
        let dead = try await queue.register("dead:1")
        #expect(try await queue.claim(10, for: dead).map(\.id) == [first])
        try await queue.silence(dead)
        #expect(try await queue.rescue().map(\.ended) == [[first]])
        let worker = try await queue.register()
        #expect(try await queue.claim(10, for: worker).map(\.id) == [second])
        try await expectOrder(queue)
    }

    @Test func `a stopping worker, and one that forgot a lease, give their keys back`() async throws {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(concurrencyKey: "a")
        try await queue.enqueue(concurrencyKey: "a")
        let worker = try await queue.register()
        #expect(try await queue.claim(10, for: worker).map(\.id) == [first])
        #expect(try await queue.store.giveBack(heldBy: worker, except: []) == 1)
        try await expectOrder(queue)
        #expect(try await queue.claim(10, for: worker).map(\.id) == [first])
        try await queue.store.deregister(worker)
        try await expectOrder(queue)
        #expect(try await queue.claim(10, for: queue.register()).map(\.id) == [first])
    }

    @Test func `a cancelled job lets those behind it pass, wherever it waits`() async throws {
        let queue = try await QueueFixture()
        for _ in 0..<4 { try await queue.enqueue(concurrencyKey: "a") }
        let worker = try await queue.register()
        let holder = try #require(try await queue.claim(10, for: worker).first)
        let waiting = try await queue.store.list(state: .parked, kind: nil, limit: 10).map(\.id).sorted()
        #expect(try await queue.store.cancel(waiting[1]) == .done)
        #expect(try await queue.state(of: waiting[1]) == "cancelled")
        try await end(holder, queue)
        #expect(try await queue.state(of: waiting[0]) == "ready")
        #expect(try await queue.store.cancel(waiting[0]) == .done)
        #expect(try await queue.state(of: waiting[2]) == "ready")
        try await expectOrder(queue)
    }

    @Test func `an end that is flushed twice does not take the key from its next holder`() async throws {
        let queue = try await QueueFixture()
        for _ in 0..<3 { try await queue.enqueue(concurrencyKey: "a") }
        let worker = try await queue.register()
        let first = try #require(try await queue.claim(10, for: worker).first)
        try await end(first, queue)
        let second = try #require(try await queue.claim(10, for: worker).first)
        #expect(try await queue.store.finish([FinishedJob(job: first, outcome: .completed)]).isEmpty)
        #expect(try await queue.claim(10, for: worker).isEmpty)
        #expect(try await queue.state(of: second.id) == "running")
        try await expectOrder(queue)
    }

    @Test func `a claim that parks behind a job which is just ending waits for that, and nobody is left behind`()
        async throws
    {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(concurrencyKey: "a")
        let worker = try await queue.register()
        let holder = try #require(try await queue.claim(10, for: worker).first)
        let second = try await queue.enqueue(concurrencyKey: "a")
        #expect(holder.id == first)
        try await withThrowingTaskGroup(of: [Int64].self) { group in
            try await queue.database.transaction { transaction in
                try await transaction.execute("DELETE FROM queue.leases")
                try await transaction.execute("SELECT queue.release_keys(ARRAY['a'])")
                group.addTask { try await queue.claim(10, for: worker).map(\.id) }
                while try await queue.database.query("SELECT 1 FROM pg_locks WHERE NOT granted").isEmpty {
                    await Task.yield()
                }
            }
            #expect(try await group.next() == [second])
        }
        try await expectOrder(queue)
    }

    @Test func `many are enqueued with a key each`() async throws {
        let queue = try await QueueFixture()
        let arguments = Array(repeating: "{}", count: 4)
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: arguments,
            concurrencyKeys: ["a", nil, "a", "b"],
            in: queue.database
        )
        #expect(try await queue.claim(10, for: queue.register()).map(\.concurrencyKey) == ["a", nil, "b"])
        await #expect(throws: PostgresError.self) {
            try await JobStore.enqueueMany(
                QueueFixture.kind,
                arguments: arguments,
                concurrencyKeys: ["a"],
                in: queue.database
            )
        }
    }

    @Test func `a key that is empty or that no index could hold is refused`() async throws {
        let queue = try await QueueFixture()
        for key in ["", String(repeating: "é", count: 251)] {
            let error = await #expect(throws: PostgresError.self) { try await queue.enqueue(concurrencyKey: key) }
            #expect(error?.sqlState == "22023")
            await #expect(throws: PostgresError.self) {
                try await JobStore.enqueueMany(
                    QueueFixture.kind,
                    arguments: ["{}"],
                    concurrencyKeys: [key],
                    in: queue.database
                )
            }
        }
        try await queue.enqueue(concurrencyKey: String(repeating: "é", count: 250))
    }

    @Test func `an end waits for nobody who is just cancelling a job behind it`() async throws {
        let queue = try await QueueFixture()
        for _ in 0..<3 { try await queue.enqueue(concurrencyKey: "a") }
        let worker = try await queue.register()
        let holder = try #require(try await queue.claim(10, for: worker).first)
        let waiting = try await queue.store.list(state: .parked, kind: nil, limit: 10).map(\.id).sorted()
        try await queue.database.transaction { transaction in
            try await transaction.execute("DELETE FROM queue.parked WHERE job_id = \(waiting[0])")
            try await end(holder, queue)
        }
        #expect(try await queue.claim(10, for: worker).map(\.id) == [waiting[1]])
    }

    @Test func `a parked job that was left behind is brought back by the sweep`() async throws {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(concurrencyKey: "a")
        let second = try await queue.enqueue(concurrencyKey: "a")
        let worker = try await queue.register()
        #expect(try await queue.claim(10, for: worker).map(\.id) == [first])
        // As no statement of ours does it.
        try await queue.database.execute("DELETE FROM queue.leases")
        try await JobStore.sweep(on: queue.database)
        #expect(try await queue.claim(10, for: worker).map(\.id) == [second])
    }

    @Test func `a delayed job comes into its key when it is due`() async throws {
        let queue = try await QueueFixture()
        let delayed = try await queue.enqueue(concurrencyKey: "a", delay: .seconds(3_600))
        let first = try await queue.enqueue(concurrencyKey: "a")
        let worker = try await queue.register()
        #expect(try await queue.claim(10, for: worker).map(\.id) == [first])
        try await queue.database.execute("UPDATE queue.scheduled SET run_at = now() - interval '1 second'")
        #expect(try await queue.store.promote().moved == 1)
        #expect(try await queue.claim(10, for: worker).isEmpty)
        #expect(try await queue.state(of: delayed) == "parked")
        try await expectOrder(queue)
    }
}
