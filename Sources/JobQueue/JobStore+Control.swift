import Foundation
import Postgres

/// One job as people see it.
package struct JobDescription: Sendable, Codable {
    package let id: Int64
    package let state: String
    package let kind: String
    package let queue: String
    package let priority: Int
    package let args: String
    package let attempt: Int
    package let maxAttempts: Int
    package let crashes: Int
    package let uniqueKey: String?
    package let batchID: Int64?
    package let result: String?
    package let error: String?
    package let worker: String?
    package let createdAt: Date
    package let runAt: Date?
    package let startedAt: Date?
    package let endedAt: Date?
}

/// An attempt that did not succeed.
package struct AttemptDescription: Sendable, Codable {
    package let attempt: Int
    package let outcome: String
    package let worker: String
    package let error: String?
    package let startedAt: Date
    package let endedAt: Date
}

/// What became of an order about one job.
package enum JobControlResult: Sendable, Equatable {
    case done
    case notFound
    /// The job is in a state in which the order means nothing.
    case refused(state: String)
}

/// What operators ask and order.
extension JobStore {
    /// Jobs, the newest first. Cheap for every state: those that succeeded are many, and only read when asked for.
    package func list(state: JobState?, kind: String?, limit: Int) async throws -> [JobDescription] {
        let ofKind: SQL = kind.map { "kind = \($0)" } ?? "true"
        let inState: SQL = state.map { "state = \($0) AND \($0.candidates)" } ?? "true"
        let rows = try await database.query(
            "SELECT * FROM queue.job_overview WHERE \(ofKind) AND \(inState) ORDER BY id DESC LIMIT \(limit)::bigint"
        )
        return try rows.map(JobDescription.init)
    }

    package func job(_ id: Int64) async throws -> JobDescription? {
        try await database.query("SELECT * FROM queue.job_overview WHERE id = \(id)").first.map(JobDescription.init)
    }

    package func attempts(of id: Int64) async throws -> [AttemptDescription] {
        let rows = try await database.query(
            """
            SELECT attempt, outcome, worker, error, started_at, ended_at FROM queue.attempts WHERE job_id = \(id) ORDER BY started_at
            """
        )
        return try rows.map { row in
            let (attempt, outcome, worker, error, started, ended) = try row.decode(
                (Int.self, String.self, String.self, String?.self, Date.self, Date.self)
            )
            return AttemptDescription(
                attempt: attempt,
                outcome: outcome,
                worker: worker,
                error: error,
                startedAt: started,
                endedAt: ended
            )
        }
    }

    /// Ends a job that waits. One that runs is refused.
    package func cancel(_ id: Int64) async throws -> JobControlResult {
        let answers = try await database.pipeline([
            """
            WITH gone AS (
                DELETE FROM queue.ready WHERE job_id = \(id)
                   AND (queue, priority) IN (\(Self.places(of: id)))
                RETURNING job_id
            ), late AS (
                DELETE FROM queue.scheduled WHERE job_id = \(id) RETURNING job_id
            ), aside AS (
                DELETE FROM queue.parked
                 WHERE job_id = \(id) AND concurrency_key = (SELECT concurrency_key FROM queue.jobs WHERE id = \(id))
                   AND (queue, priority) IN (\(Self.places(of: id)))
                RETURNING job_id
            ), waiting AS (
                SELECT job_id FROM gone UNION SELECT job_id FROM late UNION SELECT job_id FROM aside
            ), told AS (
                INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
                SELECT id, attempt, 0, 'nobody', 'cancelled', 'cancelled by an operator', now()
                  FROM queue.jobs WHERE id IN (SELECT job_id FROM waiting)
            )
            UPDATE queue.jobs SET state = 'cancelled', ended_at = now(), error = 'cancelled by an operator'
             WHERE id IN (SELECT job_id FROM waiting)
            RETURNING batch_id
            """,
            "SELECT queue.let_go(ARRAY[\(id)::bigint])",
            // It may have been the one that was to run next.
            "SELECT queue.release_keys(array_agg(concurrency_key)) FROM queue.jobs WHERE id = \(id) AND concurrency_key IS NOT NULL",
        ])
        guard let row = answers[0].first else { return try await refusal(of: id) }
        try await finishBatches(Set([try row.decode(at: 0, as: Int64?.self)].compactMap(\.self)))
        return .done
    }

    private static func places(of job: Int64) -> SQL {
        """
        SELECT unnest(ARRAY[queue, queue.suspect_lane(queue)]), priority FROM queue.jobs WHERE id = \(job)
        """
    }

    /// Makes an ended job ready again, with all its attempts before it. A job that was done is refused.
    package func retry(_ id: Int64) async throws -> JobControlResult {
        let revived = try await database.query(
            """
            WITH revived AS (
                UPDATE queue.jobs
                   SET state = 'pending', ended_at = NULL, attempt = 0, crashes = 0, error = NULL, unique_key = NULL, batch_id = NULL
                 WHERE id = \(id) AND state IN ('failed', 'cancelled', 'quarantined')
                RETURNING id, queue, priority, concurrency_key
            ), ready AS (
                INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
                SELECT queue, priority, id, concurrency_key FROM revived
            )
            SELECT queue.wake() FROM revived
            """
        )
        return revived.isEmpty ? try await refusal(of: id) : .done
    }

    private func refusal(of id: Int64) async throws -> JobControlResult {
        try await job(id).map { .refused(state: $0.state) } ?? .notFound
    }
}

extension JobDescription {
    fileprivate init(_ row: Row) throws {
        id = try row.decode("id")
        state = try row.decode("state")
        kind = try row.decode("kind")
        queue = try row.decode("queue")
        priority = try row.decode("priority")
        args = try row.decode("args")
        attempt = try row.decode("attempt")
        maxAttempts = try row.decode("max_attempts")
        crashes = try row.decode("crashes")
        uniqueKey = try row.decode("unique_key")
        batchID = try row.decode("batch_id")
        result = try row.decode("result")
        error = try row.decode("error")
        worker = try row.decode("worker")
        createdAt = try row.decode("created_at")
        runAt = try row.decode("run_at")
        startedAt = try row.decode("started_at")
        endedAt = try row.decode("ended_at")
    }
}
