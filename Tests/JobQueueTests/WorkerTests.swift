import Postgres
import Synchronization
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct WorkerTests {
    @Test func `while what jobs need is closed, they are not claimed one after the other`() async throws {
        let queue = try await QueueFixture()
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: 300),
            in: queue.database
        )
        let starts = Mutex<[ContinuousClock.Instant]>([])
        try await queue.withWorker {
            $0.concurrency = 4
            $0.closedFor = { .milliseconds(400) }
        } job: { _, _ in
            starts.withLock { $0.append(.now) }
            return .snooze(.seconds(3_600))
        } _: {
            try await queue.until("(SELECT count(*) FROM queue.scheduled) >= 9")
        }
        let times = starts.withLock { $0.sorted() }
        // Three claims at least, with a pause between each two.
        #expect(times[8] - times[0] >= .milliseconds(700))
    }

    @Test func `an end that cannot be stored fails its own job, not its neighbours nor the worker`() async throws {
        let queue = try await QueueFixture()
        let results = [1: "{}", 2: #"{"text": "\u0000"}"#, 3: "no JSON", 4: "{}", 5: "zero \0"]
        for n in results.keys { try await queue.enqueue(#"{"n": \#(n)}"#) }
        try await queue.withWorker(job: { arguments, _ in .completed(result: arguments.n.flatMap { results[$0] }) }) {
            try await queue.until("NOT EXISTS (SELECT FROM queue.jobs WHERE state = 'pending')")
            // It goes on.
            let later = try await queue.enqueue()
            try await queue.until("(SELECT state = 'done' FROM queue.jobs WHERE id = \(later))")
        }
        let ends = try await queue.database.query(
            "SELECT (args ->> 'n')::int, state FROM queue.jobs WHERE args ? 'n' ORDER BY 1"
        ).map { try $0.decode((Int.self, String.self)).1 }
        #expect(ends == ["done", "failed", "failed", "done", "failed"])
        #expect(try await queue.count("queue.jobs WHERE error LIKE 'its end could not be stored%'") == 3)
    }

    @Test func `a worker that drains its queue does not wait for the others`() async throws {
        let queue = try await QueueFixture()
        let mine = try await queue.enqueue()
        try await JobStore.enqueue(QueueFixture.kind, queue: "other", in: queue.database)
        try await JobStore.enqueue(QueueFixture.kind, queue: "other", delay: .seconds(1), in: queue.database)
        let batch = try await JobStore.openBatch(callback: QueueFixture.kind, arguments: "{}", in: queue.database)
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: ["{}"],
            queue: "other",
            batch: batch,
            in: queue.database
        )
        try await JobStore.sealBatch(batch, in: queue.database)
        let worker = try await queue.register()
        #expect(try await queue.store.claim(1, from: "other", after: .init(), for: worker).jobs.count == 1)

        #expect(try await !queue.store.isEmpty(["default"], dueWithin: .seconds(60)))
        #expect(try await !queue.store.isEmpty(["nobody's", "other"], dueWithin: .seconds(60)))
        let job = try #require(try await queue.claim(1, for: worker).first)
        #expect(try await !queue.store.isEmpty(["default"], dueWithin: .seconds(60)), "it runs")
        #expect(job.id == mine)
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .completed)])
        #expect(try await queue.store.isEmpty(["default"], dueWithin: .seconds(60)))
        // Between the end of the last member and the callback.
        try await queue.database.execute("DELETE FROM queue.batch_members")
        #expect(try await !queue.store.isEmpty(["default"], dueWithin: .seconds(60)))
    }
}
