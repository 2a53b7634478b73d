import Logging
import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct FenceTests {
    /// A job that one worker lost and another got.
    private func handedOver(_ queue: QueueFixture) async throws -> (slow: ClaimedJob, quick: ClaimedJob) {
        try await queue.enqueue()
        let first = try await queue.register("slow:1")
        let slow = try #require(try await queue.claim(1, for: first).first)
        try await queue.silence(first)
        #expect(try await queue.rescue().map(\.jobs) == [1])
        let second = try await queue.register("quick:1")
        let quick = try #require(try await queue.claim(1, for: second).first)
        return (slow, quick)
    }

    private func context(_ job: ClaimedJob, _ queue: QueueFixture, silence: Duration = .seconds(10)) -> JobContext {
        JobContext(job: job, store: queue.store, logger: .quiet, liveness: Liveness(limit: silence))
    }

    @Test func `a late end from a lost lease is refused`() async throws {
        let queue = try await QueueFixture()
        let (slow, quick) = try await handedOver(queue)
        #expect(try await queue.store.finish([FinishedJob(job: slow, outcome: .failed(reason: "late"))]).isEmpty)
        #expect(try await queue.state(of: quick.id) == "running")
        #expect(try await queue.store.finish([FinishedJob(job: quick, outcome: .completed)]) == [quick.id])
        #expect(try await queue.state(of: quick.id) == "done")
    }

    @Test func `a write under a lost lease writes nothing`() async throws {
        let queue = try await QueueFixture()
        let (slow, quick) = try await handedOver(queue)
        try await queue.database.execute("CREATE TABLE effects (worker text)")
        await #expect(throws: LeaseLost.self) {
            _ = try await context(slow, queue).write("INSERT INTO effects VALUES ('slow')")
        }
        await #expect(throws: LeaseLost.self) {
            try await context(slow, queue).transaction { try await $0.execute("INSERT INTO effects VALUES ('slow')") }
        }
        _ = try await context(quick, queue).write("INSERT INTO effects VALUES ('quick')")
        #expect(
            try await queue.database.query("SELECT worker FROM effects").map { try $0.decode(at: 0, as: String.self) }
                == ["quick"]
        )
    }

    @Test func `the same ends flushed twice are accepted once`() async throws {
        let queue = try await QueueFixture()
        try await queue.enqueue()
        let worker = try await queue.register()
        let ends = try await queue.claim(1, for: worker).map { FinishedJob(job: $0, outcome: .completed) }
        #expect(try await queue.store.finish(ends).count == 1)
        #expect(try await queue.store.finish(ends).isEmpty)
    }

    @Test func `a rescue leaves alone a job whose write is under way, and the write stands`() async throws {
        let queue = try await QueueFixture()
        try await queue.enqueue()
        let worker = try await queue.register()
        let job = try #require(try await queue.claim(1, for: worker).first)
        try await queue.database.execute("CREATE TABLE effects (worker text)")
        try await context(job, queue).transaction { transaction in
            try await queue.silence(worker)
            #expect(try await queue.rescue().map(\.jobs) == [0])
            try await transaction.execute("INSERT INTO effects VALUES ('first')")
        }
        #expect(try await queue.count("effects") == 1)
        #expect(try await queue.rescue().map(\.jobs) == [1])
    }

    @Test func `a worker that was not heard for too long may not act`() async throws {
        let queue = try await QueueFixture()
        try await queue.enqueue()
        let worker = try await queue.register()
        let job = try #require(try await queue.claim(1, for: worker).first)
        try context(job, queue).checkAlive()
        #expect(throws: LeaseLost.self) { try context(job, queue, silence: .zero).checkAlive() }
    }
}
