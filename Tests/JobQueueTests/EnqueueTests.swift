import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct EnqueueTests {
    @Test func `an unknown kind is refused with the names of those that exist`() async throws {
        let queue = try await QueueFixture()
        let error = await #expect(throws: PostgresError.self) {
            try await JobStore.enqueue("nop", in: queue.database)
        }
        #expect(error?.sqlState == "22023")
        #expect(error.map { String(reflecting: $0) }?.contains("noop") == true)
        #expect(try await queue.count("queue.jobs") == 0)
    }

    @Test(arguments: [#"{"n": "one"}"#, #"{"m": 1}"#, "[]", "1", "null"])
    func `arguments that do not fit the kind are refused`(arguments: String) async throws {
        let queue = try await QueueFixture()
        let error = await #expect(throws: PostgresError.self) { try await queue.enqueue(arguments) }
        #expect(error?.sqlState == "22023")
        #expect(try await queue.count("queue.jobs") == 0)
    }

    @Test func `an argument that must be there is missed`() async throws {
        let queue = try await QueueFixture(JobPolicy(description: "Needs a run", arguments: ["run": .number]))
        await #expect(throws: PostgresError.self) { try await queue.enqueue("{}") }
        await #expect(throws: PostgresError.self) { try await queue.enqueue(#"{"run": null}"#) }
        try await queue.enqueue(#"{"run": 1}"#)
    }

    @Test func `a live duplicate of a unique key is the job that holds it`() async throws {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(uniqueKey: "a")
        #expect(try await queue.enqueue(uniqueKey: "a") == first)
        #expect(try await queue.enqueue(uniqueKey: "b") != first)
        #expect(try await queue.count("queue.jobs") == 2)
    }

    @Test func `twenty that enqueue one unique key at once make one job`() async throws {
        let queue = try await QueueFixture()
        let ids = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<20 { group.addTask { try await queue.enqueue(uniqueKey: "same") } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await queue.count("queue.ready") == 1)
    }

    @Test func `a unique key is free again once its job has ended`() async throws {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue(uniqueKey: "a")
        let worker = try await queue.register()
        let job = try #require(try await queue.claim(1, for: worker).first)
        #expect(try await queue.enqueue(uniqueKey: "a") == first, "a running job holds its key")
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .completed)])
        #expect(try await queue.enqueue(uniqueKey: "a") != first)
    }

    @Test func `enqueued in a transaction that rolls back, a job never was`() async throws {
        struct Undo: Error {}
        let queue = try await QueueFixture()
        await #expect(throws: Undo.self) {
            try await queue.database.transaction { transaction in
                try await JobStore.enqueue(QueueFixture.kind, uniqueKey: "a", in: transaction)
                throw Undo()
            }
        }
        #expect(try await queue.count("queue.jobs") == 0)
        #expect(try await queue.count("queue.unique_keys") == 0)
    }

    @Test func `a delayed job waits in the schedule until it is due`() async throws {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue(delay: .seconds(3_600))
        #expect(try await queue.state(of: id) == "scheduled")
        #expect(try await queue.store.promote().moved == 0)
        try await queue.database.execute("UPDATE queue.scheduled SET run_at = now() - interval '1 second'")
        #expect(try await queue.store.promote().moved == 1)
        #expect(try await queue.state(of: id) == "ready")
    }

    @Test func `many are enqueued all or none`() async throws {
        let queue = try await QueueFixture()
        await #expect(throws: PostgresError.self) {
            try await JobStore.enqueueMany(
                QueueFixture.kind,
                arguments: [#"{"n": 1}"#, #"{"n": "x"}"#],
                in: queue.database
            )
        }
        #expect(try await queue.count("queue.jobs") == 0)
        #expect(
            try await JobStore.enqueueMany(QueueFixture.kind, arguments: [#"{"n": 1}"#, "{}"], in: queue.database) == 2
        )
        #expect(try await queue.count("queue.ready") == 2)
    }

    @Test func `workers are woken though the clock was set back`() async throws {
        let queue = try await QueueFixture()
        try await queue.database.execute(
            "SELECT setval('queue.wake_clock', (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 3600000)"
        )
        let before = try await queue.database.query("SELECT last_value FROM queue.wake_clock")[0].decode(
            at: 0,
            as: Int64.self
        )
        try await queue.enqueue()
        let after = try await queue.database.query("SELECT last_value FROM queue.wake_clock")[0].decode(
            at: 0,
            as: Int64.self
        )
        #expect(after < before)
    }

    @Test func `a burst wakes the workers once in fifty milliseconds, on its leading edge`() async throws {
        let queue = try await QueueFixture()
        func clock() async throws -> Int64 {
            try await queue.database.query("SELECT last_value FROM queue.wake_clock")[0].decode(at: 0, as: Int64.self)
        }
        let start = ContinuousClock.now
        var wakes: Set<Int64> = []
        for _ in 0..<200 {
            try await queue.enqueue()
            wakes.insert(try await clock())
        }
        let windows = Int((ContinuousClock.now - start) / .milliseconds(50)) + 1
        #expect(!wakes.contains(0), "the first enqueue wakes")
        #expect(wakes.count <= windows)
    }

    @Test func `a transaction announces its jobs once, and leaves the next wake-up to others`() async throws {
        let queue = try await QueueFixture()
        func clock() async throws -> Int64 {
            try await queue.database.query("SELECT last_value FROM queue.wake_clock")[0].decode(at: 0, as: Int64.self)
        }
        try await queue.database.transaction { transaction in
            try await JobStore.enqueue(QueueFixture.kind, in: transaction)
            #expect(try await clock() > 0)
            // As if the fifty milliseconds were over.
            try await transaction.execute("SELECT setval('queue.wake_clock', 0)")
            try await JobStore.enqueue(QueueFixture.kind, in: transaction)
            #expect(try await clock() == 0)
            try await queue.enqueue()
            #expect(try await clock() > 0)
        }
    }
}
