import JobQueue
import Postgres

/// Whether something goes on with a run, and what went wrong last.
package struct RunHealth: Sendable, Equatable {
    /// A job that starts, follows or settles the run, and its last error.
    package struct Trouble: Sendable, Equatable {
        package let kind: String
        /// Attempts that failed.
        package let attempts: Int
        package let error: String
    }

    /// The run is not over and no job goes on with it.
    package let isStuck: Bool
    package let trouble: Trouble?

    init(_ row: Row) throws {
        isStuck = try row.decode("is_stuck")
        let error: String? = try row.decode("job_error")
        trouble = try error.map {
            Trouble(kind: try row.decode("job_kind"), attempts: try row.decode("job_attempt"), error: $0)
        }
    }
}

extension BulkStore {
    package func health(of run: Int64) async throws -> RunHealth? {
        try await database.query(
            """
            SELECT \(Self.healthColumns)
              FROM factpulse.bulk_runs b, LATERAL (\(Self.health(unsettled: Self.isUnsettled))) h WHERE b.id = \(run)
            """
        ).first.map(RunHealth.init)
    }

    static let healthColumns: SQL = "h.is_stuck, h.job_kind, h.job_attempt, h.job_error"

    private static let isUnsettled: SQL = """
        EXISTS (SELECT FROM factpulse.bulk_rows r WHERE r.run_id = b.id AND r.state IN ('sending', 'uncertain'))
        """

    /// SQL for the health of the run `b`: the one place that knows what keeps a run going. Until a run's rows have their
    /// jobs it is the job that starts it, then the batch of those jobs, then the job that follows the batch, or was made
    /// by a person's decision; what settles lost answers of create calls is one job an account.
    /// - Parameter unsettled: SQL for whether calls of the run are under way or unanswered.
    static func health(unsettled: SQL) -> SQL {
        """
        SELECT CASE WHEN b.state IN ('staged', 'running')
                    THEN NOT coalesce(bool_or(j.state = 'pending' AND j.id <> coalesce(s.job_id, 0)), false)
                         AND NOT coalesce(bool_or(q.sealed AND q.finished_at IS NULL), false)
                         -- What a version before started, it alone knows.
                         AND (b.job_id IS NOT NULL OR coalesce(bool_or(q.finished_at IS NOT NULL), false))
                    WHEN b.state IN ('paused', 'cancelled')
                    THEN b.operation = 'create-clients' AND \(unsettled) AND bool_and(s.job_id IS NULL)
                    ELSE false END AS is_stuck,
               (array_agg(j.kind ORDER BY j.id) FILTER (WHERE j.error IS NOT NULL AND j.state <> 'done'))[1] AS job_kind,
               (array_agg(j.attempt ORDER BY j.id) FILTER (WHERE j.error IS NOT NULL AND j.state <> 'done'))[1] AS job_attempt,
               (array_agg(j.error ORDER BY j.id) FILTER (WHERE j.error IS NOT NULL AND j.state <> 'done'))[1] AS job_error
          FROM (SELECT b.batch_id) x
          LEFT JOIN queue.batches q ON q.id = x.batch_id
          LEFT JOIN queue.unique_keys s ON s.kind = 'settle-creates' AND s.key = b.account_id::text AND \(unsettled)
          LEFT JOIN queue.jobs j ON j.id = ANY (ARRAY[b.job_id, q.callback_job, s.job_id])
        """
    }
}
