import Postgres

extension JobStore {
    /// Records how attempts ended, in one transaction, each behind its fence: a job whose lease is gone is passed over.
    ///
    /// Harmless to repeat: what was recorded has no lease any more.
    /// - Returns: the ids that were accepted.
    func finish(_ finished: [FinishedJob]) async throws -> Set<Int64> {
        // One order of locks for all flushes.
        let sorted = finished.sorted { $0.job.id < $1.job.id }
        var ended = EndedJobs()
        var returned = ReturnedJobs()
        for item in sorted {
            switch item.outcome {
            case .completed(let result): ended.append(item.job, state: "done", result: result, error: nil)
            case .failed(let reason): ended.append(item.job, state: "failed", result: nil, error: reason)
            case .cancelled(let reason): ended.append(item.job, state: "cancelled", result: nil, error: reason)
            case .retry(_, let reason) where item.job.isLastAttempt:
                ended.append(item.job, state: "failed", result: nil, error: reason)
            case .retry(let wait, let reason): returned.append(item.job, after: wait, error: reason)
            case .snooze(let wait): returned.append(item.job, after: wait, error: nil)
            }
        }
        var statements: [SQL] = [Self.byIndex]
        if !ended.ids.isEmpty { statements += ended.statements }
        if !returned.ids.isEmpty { statements.append(returned.statement) }
        // Last, when the leases are gone.
        let keys = sorted.compactMap(\.job.concurrencyKey)
        if !keys.isEmpty { statements.append("SELECT NULL::bigint FROM queue.release_keys(\(keys))") }
        CrashPoint.reached("before-end")
        let results = try await database.pipeline(statements)
        let batches = Set(sorted.compactMap(\.job.batchID))
        if !batches.isEmpty { CrashPoint.reached("before-batch") }
        try await finishBatches(batches)
        return Set(try results.dropFirst().joined().compactMap { try $0.decode(at: 0, as: Int64?.self) })
    }

    /// Asks, after the commit that ended some of their members, whether batches are finished.
    func finishBatches(_ batches: Set<Int64>) async throws {
        guard !batches.isEmpty else { return }
        try await database.execute("SELECT queue.finish_batches(\(batches.sorted())::bigint[])")
    }
}

/// Attempts after which the job is over.
private struct EndedJobs {
    var ids: [Int64] = []
    private var tokens: [Int64] = []
    private var states: [String] = []
    private var results: [String?] = []
    private var errors: [String?] = []
    private var holdSomething = false
    private var allSucceeded = true

    mutating func append(_ job: ClaimedJob, state: String, result: String?, error: String?) {
        ids.append(job.id)
        tokens.append(job.token)
        states.append(state)
        results.append(result)
        errors.append(error)
        holdSomething = holdSomething || job.holdsUniqueKey || job.batchID != nil
        allSucceeded = allSucceeded && state == "done"
    }

    var statements: [SQL] {
        let end: SQL = allSucceeded ? endDone : endAny
        return holdSomething ? [end, "SELECT NULL::bigint FROM queue.let_go(\(ids)::bigint[])"] : [end]
    }

    /// The common case, which touches two tables.
    private var endDone: SQL {
        """
        WITH mine AS (
            DELETE FROM queue.leases l
             USING unnest(\(ids)::bigint[], \(tokens)::bigint[], \(results)::text[]) AS d (job_id, token, result)
             WHERE l.job_id = d.job_id AND l.token = d.token
            RETURNING l.job_id, d.result
        )
        UPDATE queue.jobs j
           SET state = 'done', attempt = j.attempt + 1, ended_at = now(), result = mine.result::jsonb
          FROM mine
         WHERE j.id = mine.job_id
        RETURNING j.id
        """
    }

    private var endAny: SQL {
        """
        WITH mine AS (
            DELETE FROM queue.leases l
             USING unnest(\(ids)::bigint[], \(tokens)::bigint[], \(states)::text[], \(results)::text[], \(errors)::text[])
                AS d (job_id, token, state, result, error)
             WHERE l.job_id = d.job_id AND l.token = d.token
            RETURNING l.job_id, l.token, l.worker_id, l.started_at, d.state, d.result, d.error
        ), told AS (
            INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
            SELECT m.job_id, j.attempt + 1, m.token, coalesce(w.name, 'unknown'), m.state, m.error, m.started_at
              FROM mine m
              JOIN queue.jobs j ON j.id = m.job_id
              LEFT JOIN queue.workers w ON w.id = m.worker_id
             WHERE m.state <> 'done'
        )
        UPDATE queue.jobs j
           SET state = mine.state, attempt = j.attempt + 1, ended_at = now(), result = mine.result::jsonb, error = mine.error
          FROM mine
         WHERE j.id = mine.job_id
        RETURNING j.id
        """
    }
}

/// Attempts after which the job waits again.
private struct ReturnedJobs {
    var ids: [Int64] = []
    private var tokens: [Int64] = []
    private var waits: [Double] = []
    private var errors: [String?] = []

    /// - Parameter error: `nil` when the attempt is not to be counted.
    mutating func append(_ job: ClaimedJob, after wait: Duration, error: String?) {
        ids.append(job.id)
        tokens.append(job.token)
        waits.append(wait / .seconds(1))
        errors.append(error)
    }

    var statement: SQL {
        """
        WITH mine AS (
            DELETE FROM queue.leases l
             USING unnest(\(ids)::bigint[], \(tokens)::bigint[], \(waits)::float8[], \(errors)::text[]) AS d (job_id, token, wait, error)
             WHERE l.job_id = d.job_id AND l.token = d.token
            RETURNING l.job_id, l.token, l.worker_id, l.started_at, d.wait, d.error
        ), told AS (
            INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
            SELECT m.job_id, j.attempt + 1, m.token, coalesce(w.name, 'unknown'), 'retry', m.error, m.started_at
              FROM mine m
              JOIN queue.jobs j ON j.id = m.job_id
              LEFT JOIN queue.workers w ON w.id = m.worker_id
             WHERE m.error IS NOT NULL
        ), counted AS (
            UPDATE queue.jobs j SET attempt = j.attempt + 1, error = m.error FROM mine m WHERE j.id = m.job_id AND m.error IS NOT NULL
        ), later AS (
            INSERT INTO queue.scheduled (run_at, job_id, queue, priority, concurrency_key)
            SELECT now() + make_interval(secs => m.wait), m.job_id, j.queue, j.priority, j.concurrency_key
              FROM mine m JOIN queue.jobs j ON j.id = m.job_id WHERE m.wait > 0
        ), at_once AS (
            INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
            SELECT j.queue, j.priority, m.job_id, j.concurrency_key FROM mine m JOIN queue.jobs j ON j.id = m.job_id WHERE m.wait <= 0
        )
        SELECT job_id FROM mine
        """
    }
}
