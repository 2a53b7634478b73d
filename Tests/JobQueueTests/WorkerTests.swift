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
}
