import JobQueue
import Postgres
import TestSupport
import Testing

@testable import Jobs

/// Waiting for what only the database and the sandbox can tell, and holding transactions open between two steps.
extension BulkFixture {
    struct NotInTime: Error, CustomStringConvertible {
        let description: String
    }

    /// Asks again and again until the answer is yes.
    func until(_ condition: SQL, within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        repeat {
            if try await holds(condition) { return }
            try await Task.sleep(for: .milliseconds(5))
        } while ContinuousClock.now < deadline
        throw NotInTime(description: "not within \(limit): \(condition)")
    }

    func holds(_ condition: SQL) async throws -> Bool {
        try await database.query("SELECT coalesce((\(condition)), false)")[0].decode(at: 0, as: Bool.self)
    }

    func count(_ rows: SQL) async throws -> Int {
        try await database.query("SELECT count(*) FROM \(rows)")[0].decode(at: 0, as: Int.self)
    }

    /// Runs `body` while another transaction holds what `lock` locks. Nothing that it does may wait for its own result.
    func holding(_ lock: SQL, _ body: () async throws -> Void) async throws {
        try await database.transaction { transaction in
            try await transaction.execute(lock)
            try await body()
        }
    }

    /// Returns once so many sessions of this database wait for a lock.
    func untilBlocked(_ sessions: Int = 1) async throws {
        try await until("\(Self.blocked) >= \(sessions)::int")
    }

    var isBlocked: Bool {
        get async throws { try await holds("\(Self.blocked) > 0") }
    }

    static let blocked: SQL = """
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
        """

    /// Does by hand what starts a run: its rows are ready, but one that needs review, and their jobs wait.
    func release(_ run: Int64, review row: Int64? = nil) async throws {
        try await database.transaction { transaction in
            try await Self.dropStart(of: run, in: transaction)
            let batch = try await JobStore.openBatch(
                callback: FinishRun.kind,
                arguments: #"{"run": \#(run)}"#,
                in: transaction
            )
            try await transaction.execute(
                "UPDATE factpulse.bulk_runs SET state = 'running', started_at = now(), released = row_count, batch_id = \(batch) WHERE id = \(run)"
            )
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET state = CASE WHEN row = \(row) THEN 'needs_review' ELSE 'ready' END,
                       error_code = CASE WHEN row = \(row) THEN 'TEST' END
                 WHERE run_id = \(run) AND state = 'staged'
                """
            )
            try await transaction.execute(
                """
                SELECT queue.enqueue_many('create-client', array_agg(jsonb_build_object('run', run_id, 'row', row)), batch_id => \(batch))
                  FROM factpulse.bulk_rows WHERE run_id = \(run) AND state = 'ready'
                """
            )
            try await JobStore.sealBatch(batch, in: transaction)
        }
    }

    /// As if a worker that lives were sending every row of this run.
    func pretendSending(_ run: Int64) async throws {
        try await database.transaction { transaction in
            try await Self.dropStart(of: run, in: transaction)
            try await transaction.execute(
                "UPDATE factpulse.bulk_runs SET state = 'running', started_at = now() WHERE id = \(run)"
            )
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'sending', sent_at = now(), settle_until = now() + interval '1 hour',
                       attempt = 1, job_id = 0, token = 0 WHERE run_id = \(run)
                """
            )
        }
    }

    private static func dropStart(of run: Int64, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            DELETE FROM queue.ready r USING queue.jobs j
             WHERE j.id = r.job_id AND j.kind = 'start-run' AND (j.args ->> 'run')::bigint = \(run)
            """
        )
    }

    /// As if the server had carried out a call for this client: how the row of a run that we do not run ends.
    func pretendDone(run: Int64, row: Int64, uid: String) async throws {
        try await database.execute(
            "UPDATE factpulse.bulk_rows SET state = 'done', uid = \(uid)::uuid WHERE run_id = \(run) AND row = \(row)"
        )
    }
}
