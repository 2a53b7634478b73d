import Postgres
import TestSupport
import Testing

@testable import JobQueue

/// Longer than a test may take, and ended by cancellation.
private struct Sleeper: JobHandler {
    struct Arguments: Codable, Sendable {}

    static let kind: JobKind = "sleeper"
    static let policy = JobPolicy(description: "Sleeps", maximumAttempts: 2, timeout: .milliseconds(50), backoff: .none)

    func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        try await Task.sleep(for: .seconds(600))
        return .completed
    }
}

extension Backoff {
    fileprivate static let none = Backoff(base: .zero, maximum: .zero)
}

@Suite(.database)
struct TimeLimitTests {
    @Test func `an attempt that takes longer than its kind allows is cancelled and counts`() async throws {
        let queue = try await QueueFixture()
        var catalogue = JobCatalogue()
        catalogue.add(Sleeper())
        try await queue.store.declare(catalogue.policies)
        let id = try await JobStore.enqueue(Sleeper.kind, in: queue.database)
        try await queue.withWorker(catalogue: catalogue) {
            try await queue.until("(SELECT state = 'failed' FROM queue.jobs WHERE id = \(id))")
        }
        let job = try #require(try await queue.store.job(id))
        #expect(job.attempt == 2)
        #expect(job.error == "took longer than 0.05 seconds")
    }

    @Test func `only what is late is cancelled, whichever limit came first`() async throws {
        let limits = TimeLimits()
        let ends = try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                await limits.watch()
                return nil
            }
            for milliseconds in [60_000, 50, 100] {
                let isLate = milliseconds < 60_000
                group.addTask {
                    do {
                        try await limits.run(atMost: .milliseconds(milliseconds)) {
                            try await Task.sleep(for: isLate ? .seconds(600) : .milliseconds(300))
                        }
                        return "in time"
                    } catch is TookTooLong {
                        return "late"
                    }
                }
            }
            let ends = [try await group.next(), try await group.next(), try await group.next()]
            group.cancelAll()
            return ends
        }
        #expect(ends == ["late", "late", "in time"])
    }
}
