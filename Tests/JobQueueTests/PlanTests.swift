import Postgres
import TestSupport
import Testing

@testable import JobQueue

/// What a statement reads must follow from what it takes, not from what else there is: whatever the statistics say,
/// and whatever there was when its plan was made.
@Suite(.database)
struct PlanTests {
    private static let many = 20_000

    @Test(arguments: [false, true])
    func `a claim reads the jobs that it takes, and no others`(analysedEmpty: Bool) async throws {
        let queue = try await fixture(analysedEmpty)
        let worker = try await queue.register()
        // Often enough for the server to keep a plan, of an empty queue.
        for _ in 0..<8 { _ = try await queue.claim(10, for: worker) }
        try await fill(queue)
        let before = try await reads(queue)
        for _ in 0..<8 { #expect(try await queue.claim(10, for: worker).count == 10) }
        #expect(try await reads(queue) - before < 1_000)
    }

    @Test(arguments: [false, true])
    func `an end reads the jobs that it ends, and no others`(analysedEmpty: Bool) async throws {
        let queue = try await fixture(analysedEmpty)
        let worker = try await queue.register()
        try await queue.enqueue()
        for _ in 0..<8 {
            let claimed = try await queue.claim(1, for: worker)
            _ = try await queue.store.finish(claimed.map { FinishedJob(job: $0, outcome: .snooze(.zero)) })
            _ = try await queue.store.finish(claimed.map { FinishedJob(job: $0, outcome: .completed) })
        }
        try await fill(queue)
        let claimed = try await queue.claim(Self.many, for: worker)
        let before = try await reads(queue)
        for number in 0..<8 {
            let ended = claimed[number * 10..<number * 10 + 10].map { FinishedJob(job: $0, outcome: .completed) }
            #expect(try await queue.store.finish(ended).count == 10)
        }
        #expect(try await reads(queue) - before < 1_000)
    }

    /// One connection: it keeps its plans, and can be asked for its own counts.
    private func fixture(_ analysedEmpty: Bool) async throws -> QueueFixture {
        for table in ["jobs", "ready", "leases"] {
            let database = TestDatabase.current.database
            try await database.execute("ALTER TABLE queue.\(identifier: table) SET (autovacuum_enabled = false)")
            if analysedEmpty { try await database.execute("VACUUM ANALYZE queue.\(identifier: table)") }
        }
        var configuration = try PostgresConfiguration(url: TestDatabase.current.url)
        configuration.maximumConnections = 1
        return try await QueueFixture(on: Database(configuration, logger: .quiet))
    }

    private func fill(_ queue: QueueFixture) async throws {
        let arguments = Array(repeating: "{}", count: Self.many)
        try await JobStore.enqueueMany(QueueFixture.kind, arguments: arguments, in: queue.database)
    }

    /// Rows and index entries read so far in the tables of the queue.
    private func reads(_ queue: QueueFixture) async throws -> Int {
        try await queue.database.execute("SELECT pg_stat_force_next_flush()")
        let rows = try await queue.database.query(
            """
            SELECT (SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE relname IN ('jobs', 'ready', 'leases'))
                 + (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname IN ('jobs', 'ready', 'leases'))
            """
        )
        return try rows[0].decode(at: 0, as: Int.self)
    }
}
