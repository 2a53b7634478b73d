import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct LostAnswerTests {
    @Test func `jobs of a claim whose answer was lost run, and no attempt is spent`() async throws {
        let queue = try await QueueFixture()
        let id = try await queue.enqueue()
        let proxy = try Proxy(to: TestDatabase.current.url)
        defer { proxy.close() }
        let database = Database(try PostgresConfiguration(url: proxy.url), logger: .quiet)
        // The claim commits, and its answer never comes.
        proxy.set(.cutAnswer(to: "queue.lease_tokens"))
        try await queue.withWorker(on: database) {
            try await queue.until("EXISTS (SELECT FROM queue.leases)")
            proxy.set(.relay)
            try await queue.until("(SELECT state = 'done' FROM queue.jobs WHERE id = \(id))")
        }
        #expect(try await queue.store.job(id)?.attempt == 1)
        #expect(try await queue.store.attempts(of: id).isEmpty)
    }

    @Test func `a lease that its worker does not know of is given back, those of running jobs are not`() async throws {
        let queue = try await QueueFixture()
        let running = Gate()
        try await queue.enqueue(#"{"n": 1}"#)
        try await queue.withWorker {
            $0.auditInterval = .milliseconds(50)
        } job: { arguments, _ in
            if arguments.n == 1 { await running.wait() }
            return .completed
        } _: {
            try await queue.until("EXISTS (SELECT FROM queue.leases)")
            let forgotten = try await queue.enqueue(delay: .seconds(3_600))
            try await queue.database.execute(
                """
                WITH due AS (DELETE FROM queue.scheduled WHERE job_id = \(forgotten))
                INSERT INTO queue.leases (job_id, token, worker_id) SELECT \(forgotten), 0, worker_id FROM queue.leases
                """
            )
            try await queue.until("(SELECT state = 'done' FROM queue.jobs WHERE id = \(forgotten))")
            #expect(try await queue.count("queue.leases") == 1)
            running.open()
            try await queue.until("NOT EXISTS (SELECT FROM queue.leases)")
        }
        #expect(try await queue.count("queue.attempts") == 0)
    }

    @Test func `a worker that was silent for too long does not come back to life`() {
        let liveness = Liveness(limit: .zero)
        #expect(!liveness.beat(sentAt: .now))
        #expect(Liveness(limit: .seconds(10)).beat(sentAt: .now))
    }
}
