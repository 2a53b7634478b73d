import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct BatchTests {
    private func callbacks(_ queue: QueueFixture) async throws -> Int {
        try await queue.count("queue.jobs WHERE args = '{\"n\": 7}'")
    }

    private func batch(_ size: Int, _ queue: QueueFixture) async throws -> Int64 {
        let id = try await JobStore.openBatch(callback: QueueFixture.kind, arguments: #"{"n": 7}"#, in: queue.database)
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: size),
            batch: id,
            in: queue.database
        )
        try await JobStore.sealBatch(id, in: queue.database)
        return id
    }

    @Test func `the callback follows when the last member has ended, however they ended`() async throws {
        let queue = try await QueueFixture()
        _ = try await batch(2, queue)
        let worker = try await queue.register()
        let jobs = try await queue.claim(2, for: worker)
        _ = try await queue.store.finish([FinishedJob(job: jobs[0], outcome: .failed(reason: "broken"))])
        #expect(try await callbacks(queue) == 0)
        _ = try await queue.store.finish([FinishedJob(job: jobs[1], outcome: .completed)])
        #expect(try await callbacks(queue) == 1)
    }

    @Test func `members that end at the same moment make one callback`() async throws {
        let queue = try await QueueFixture()
        for _ in 0..<10 { _ = try await batch(8, queue) }
        let worker = try await queue.register()
        let jobs = try await queue.claim(80, for: worker)
        #expect(jobs.count == 80)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for job in jobs {
                group.addTask { _ = try await queue.store.finish([FinishedJob(job: job, outcome: .completed)]) }
            }
            try await group.waitForAll()
        }
        #expect(try await callbacks(queue) == 10)
    }

    @Test func `an empty batch is finished as soon as it is sealed and settled`() async throws {
        let queue = try await QueueFixture()
        let id = try await batch(0, queue)
        try await queue.store.settleBatch(id)
        try await queue.store.settleBatch(id)
        #expect(try await callbacks(queue) == 1)
    }

    @Test func `an open batch waits for more`() async throws {
        let queue = try await QueueFixture()
        let id = try await JobStore.openBatch(callback: QueueFixture.kind, arguments: #"{"n": 7}"#, in: queue.database)
        try await queue.store.settleBatch(id)
        #expect(try await callbacks(queue) == 0)
    }

    @Test func `a batch whose last member ended in a vanishing worker is found by the sweep`() async throws {
        let queue = try await QueueFixture()
        let id = try await batch(1, queue)
        // As if the worker had died between the end of the job and the question after the batch.
        try await queue.database.execute("DELETE FROM queue.batch_members WHERE batch_id = \(id)")
        try await JobStore.sweep(on: queue.database)
        try await JobStore.sweep(on: queue.database)
        #expect(try await callbacks(queue) == 1)
    }

    @Test func `a callback that could not be enqueued is refused at once`() async throws {
        let queue = try await QueueFixture()
        await #expect(throws: PostgresError.self) {
            try await JobStore.openBatch(callback: "nop", arguments: "{}", in: queue.database)
        }
        await #expect(throws: PostgresError.self) {
            try await JobStore.openBatch(callback: QueueFixture.kind, arguments: #"{"m": 1}"#, in: queue.database)
        }
    }

    @Test func `a callback of another version stops nobody who ends a member`() async throws {
        let queue = try await QueueFixture()
        let id = try await batch(1, queue)
        try await queue.store.declare([(QueueFixture.kind, JobPolicy(description: "Takes nothing now"))])
        let worker = try await queue.register()
        let ends = try await queue.claim(1, for: worker).map { FinishedJob(job: $0, outcome: .completed) }
        #expect(try await queue.store.finish(ends) == Set(ends.map(\.job.id)))
        try await JobStore.sweep(on: queue.database)
        #expect(try await queue.count("queue.batches WHERE id = \(id) AND finished_at IS NULL") == 1)
    }

    @Test func `a cancelled member does not hold its batch`() async throws {
        let queue = try await QueueFixture()
        _ = try await batch(1, queue)
        let member = try #require(try await queue.store.list(state: .ready, kind: nil, limit: 1).first)
        #expect(try await queue.store.cancel(member.id) == .done)
        #expect(try await callbacks(queue) == 1)
    }
}
