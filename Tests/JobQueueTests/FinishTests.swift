import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct FinishTests {
    private func claimed(_ queue: QueueFixture) async throws -> (worker: Int64, job: ClaimedJob) {
        try await queue.enqueue()
        let worker = try await queue.register()
        return (worker, try #require(try await queue.claim(1, for: worker).first))
    }

    @Test func `a result is kept with its job`() async throws {
        let queue = try await QueueFixture()
        let (_, job) = try await claimed(queue)
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .completed(["row": "done"]))])
        let found = try #require(try await queue.store.job(job.id))
        #expect(found.state == "done")
        #expect(found.result == #"{"row": "done"}"#)
        #expect(found.attempt == 1)
        #expect(try await queue.store.attempts(of: job.id).isEmpty)
    }

    @Test func `a retry counts as an attempt, tells why, and waits`() async throws {
        let queue = try await QueueFixture()
        let (_, job) = try await claimed(queue)
        _ = try await queue.store.finish([
            FinishedJob(job: job, outcome: .retry(after: .seconds(60), reason: "no luck"))
        ])
        let found = try #require(try await queue.store.job(job.id))
        #expect(found.state == "scheduled")
        #expect(found.attempt == 1)
        let attempts = try await queue.store.attempts(of: job.id)
        #expect(attempts.map(\.outcome) == ["retry"])
        #expect(attempts.first?.error == "no luck")
    }

    @Test func `a retry of the last attempt is a failure`() async throws {
        let queue = try await QueueFixture(JobPolicy(description: "Once", maximumAttempts: 1))
        let (_, job) = try await claimed(queue)
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .retry(after: .seconds(1), reason: "no luck"))]
        )
        let found = try #require(try await queue.store.job(job.id))
        #expect(found.state == "failed")
        #expect(found.error == "no luck")
    }

    @Test func `a snooze spends no attempt and leaves no trace`() async throws {
        let queue = try await QueueFixture(JobPolicy(description: "Once", maximumAttempts: 1))
        let (worker, job) = try await claimed(queue)
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .snooze(.zero))])
        #expect(try await queue.state(of: job.id) == "ready")
        #expect(try await queue.claim(1, for: worker).first?.attempt == 1)
        #expect(try await queue.store.attempts(of: job.id).isEmpty)
    }

    @Test func `ends of every sort are written in one flush`() async throws {
        let queue = try await QueueFixture()
        for _ in 0..<5 { try await queue.enqueue() }
        let worker = try await queue.register()
        let jobs = try await queue.claim(5, for: worker)
        let outcomes: [JobOutcome] = [
            .completed, .failed(reason: "broken"), .cancelled(reason: "unwanted"),
            .retry(after: .zero, reason: "again"),
            .snooze(.seconds(60)),
        ]
        let accepted = try await queue.store.finish(zip(jobs, outcomes).map { FinishedJob(job: $0, outcome: $1) })
        #expect(accepted == Set(jobs.map(\.id)))
        var states: [String?] = []
        for job in jobs { states.append(try await queue.state(of: job.id)) }
        #expect(states == ["done", "failed", "cancelled", "ready", "scheduled"])
        #expect(try await queue.count("queue.leases") == 0)
    }

    @Test func `a stopping worker gives back what it holds with no attempt spent`() async throws {
        let queue = try await QueueFixture()
        let (worker, job) = try await claimed(queue)
        try await queue.store.deregister(worker)
        #expect(try await queue.state(of: job.id) == "ready")
        #expect(try await queue.store.job(job.id)?.attempt == 0)
        #expect(try await queue.count("queue.workers") == 0)
    }
}
