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
    /// Jobs, the newest first.
    package func list(state: String?, kind: String?, limit: Int) async throws -> [JobDescription] {
        let rows = try await database.query(
            """
            SELECT * FROM queue.job_overview
             WHERE (\(state)::text IS NULL OR state = \(state)::text) AND (\(kind)::text IS NULL OR kind = \(kind)::text)
             ORDER BY id DESC LIMIT \(limit)::bigint
            """
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

    /// How many jobs are in each state, by kind. Ended ones are counted over the last day.
    package func counts() async throws -> [(kind: String, state: String, count: Int)] {
        let rows = try await database.query(
            """
            SELECT kind, state, count(*) FROM queue.job_overview
             WHERE ended_at IS NULL OR ended_at > now() - interval '1 day'
             GROUP BY kind, state ORDER BY kind, state
            """
        )
        return try rows.map { row in
            let (kind, state, count) = try row.decode((String.self, String.self, Int.self))
            return (kind, state, count)
        }
    }

    /// Workers that beat, and how long ago.
    package func workers() async throws -> [(name: String, version: String, running: Int, silence: Duration)] {
        let rows = try await database.query(
            """
            SELECT w.name, w.version, (SELECT count(*) FROM queue.leases l WHERE l.worker_id = w.id),
                   extract(epoch FROM clock_timestamp() - w.beat_at)::float8
              FROM queue.workers w ORDER BY w.id
            """
        )
        return try rows.map { row in
            let (name, version, running, silence) = try row.decode((String.self, String.self, Int.self, Double.self))
            return (name, version, running, .seconds(silence))
        }
    }

    /// Ends a job that waits. One that runs is refused.
    package func cancel(_ id: Int64) async throws -> JobControlResult {
        let cancelled = try await database.transaction { transaction in
            let waiting = try await transaction.query(
                """
                WITH gone AS (
                    DELETE FROM queue.ready WHERE job_id = \(id)
                       AND (queue, priority) = (SELECT queue, priority FROM queue.jobs WHERE id = \(id))
                    RETURNING job_id
                ), late AS (
                    DELETE FROM queue.scheduled WHERE job_id = \(id) RETURNING job_id
                )
                UPDATE queue.jobs SET state = 'cancelled', ended_at = now(), error = 'cancelled by an operator'
                 WHERE id IN (SELECT job_id FROM gone UNION SELECT job_id FROM late)
                RETURNING batch_id
                """
            )
            guard let row = waiting.first else { return (false, Int64?.none) }
            try await transaction.execute("SELECT queue.let_go(ARRAY[\(id)::bigint])")
            return (true, try row.decode(at: 0, as: Int64?.self))
        }
        guard cancelled.0 else { return try await refusal(of: id) }
        try await finishBatches(Set([cancelled.1].compactMap(\.self)))
        return .done
    }

    /// Makes an ended job ready again, with all its attempts before it. A job that was done is refused.
    package func retry(_ id: Int64) async throws -> JobControlResult {
        let revived = try await database.query(
            """
            WITH revived AS (
                UPDATE queue.jobs
                   SET state = 'pending', ended_at = NULL, attempt = 0, crashes = 0, error = NULL, unique_key = NULL, batch_id = NULL
                 WHERE id = \(id) AND state IN ('failed', 'cancelled', 'quarantined')
                RETURNING id, queue, priority
            ), ready AS (
                INSERT INTO queue.ready (queue, priority, job_id) SELECT queue, priority, id FROM revived
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
