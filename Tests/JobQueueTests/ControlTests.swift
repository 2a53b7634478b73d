import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct ControlTests {
    @Test func `a waiting job is cancelled, also a delayed one`() async throws {
        let queue = try await QueueFixture()
        let waiting = try await queue.enqueue(uniqueKey: "a")
        let delayed = try await queue.enqueue(delay: .seconds(60))
        #expect(try await queue.store.cancel(waiting) == .done)
        #expect(try await queue.store.cancel(delayed) == .done)
        #expect(try await queue.state(of: waiting) == "cancelled")
        #expect(try await queue.state(of: delayed) == "cancelled")
        #expect(try await queue.count("queue.unique_keys") == 0)
        #expect(try await queue.count("queue.ready") + queue.count("queue.scheduled") == 0)
    }

    @Test func `a running job, an ended one and one that never was are not cancelled`() async throws {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue()
        let worker = try await queue.register()
        let job = try #require(try await queue.claim(1, for: worker).first)
        #expect(try await queue.store.cancel(id) == .refused(state: "running"))
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .completed)])
        #expect(try await queue.store.cancel(id) == .refused(state: "done"))
        #expect(try await queue.store.cancel(999_999) == .notFound)
    }

    @Test func `a failed job is tried again with all its attempts before it, a done one is not`() async throws {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue()
        let worker = try await queue.register()
        let job = try #require(try await queue.claim(1, for: worker).first)
        _ = try await queue.store.finish([FinishedJob(job: job, outcome: .failed(reason: "broken"))])
        #expect(try await queue.store.retry(id) == .done)
        let again = try #require(try await queue.claim(1, for: worker).first)
        #expect(again.attempt == 1)
        _ = try await queue.store.finish([FinishedJob(job: again, outcome: .completed)])
        #expect(try await queue.store.retry(id) == .refused(state: "done"))
    }

    @Test func `jobs are listed by state and kind, the newest first`() async throws {
        let queue = try await QueueFixture()
        let first = try await queue.enqueue()
        let second = try await queue.enqueue()
        #expect(try await queue.store.list(state: .ready, kind: "noop", limit: 10).map(\.id) == [second, first])
        #expect(try await queue.store.list(state: .failed, kind: nil, limit: 10).isEmpty)
        let overview = try await queue.store.overview()
        #expect(overview.depths.map(\.ready) == [2])
    }
}
