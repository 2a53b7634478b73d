import Postgres

extension JobStore {
    /// Where the last claim of a queue ended. A claim that goes on from here does not walk again over what was claimed
    /// before it, which under a long-held snapshot cannot be cleaned away.
    struct ClaimCursor: Sendable, Comparable {
        var priority = Int(Int32.min)
        var jobID: Int64 = 0

        static func < (one: Self, other: Self) -> Bool {
            (one.priority, one.jobID) < (other.priority, other.jobID)
        }
    }

    /// Leases up to `limit` ready jobs to a worker, the smallest priority first, then the oldest.
    ///
    /// Returns none when the worker's own row is gone: it was declared dead, and its jobs with it.
    func claim(_ limit: Int, from queue: String, after cursor: ClaimCursor, for worker: Int64) async throws
        -> [ClaimedJob]
    {
        // MATERIALIZED: inlined, the planner may run the subquery again and lock more rows than the LIMIT.
        // FOR KEY SHARE: a rescue of this very worker waits for this claim, or this claim finds no row.
        let rows = try await queryByIndex(
            """
            WITH me AS MATERIALIZED (
                SELECT id FROM queue.workers WHERE id = \(worker) FOR KEY SHARE
            ), picked AS MATERIALIZED (
                SELECT r.ctid
                  FROM queue.ready r
                 WHERE r.queue = \(queue)
                   AND (r.priority, r.job_id) > (\(cursor.priority)::int, \(cursor.jobID)::bigint)
                 ORDER BY r.priority, r.job_id
                 LIMIT \(limit)::bigint
                   FOR UPDATE SKIP LOCKED
            ), taken AS (
                DELETE FROM queue.ready r
                 WHERE r.ctid = ANY (ARRAY(SELECT ctid FROM picked)) AND EXISTS (SELECT FROM me)
                RETURNING r.job_id
            ), leased AS (
                INSERT INTO queue.leases (job_id, token, worker_id)
                SELECT job_id, nextval('queue.lease_tokens'), \(worker)::bigint FROM taken
                RETURNING job_id, token
            )
            SELECT l.job_id, l.token, j.kind, j.args, j.attempt + 1, j.max_attempts, j.priority, j.batch_id,
                   j.unique_key IS NOT NULL
              FROM leased l
              -- OFFSET 0: each lease looks up its job, even where statistics say that there are no jobs to speak of.
             CROSS JOIN LATERAL (SELECT * FROM queue.jobs WHERE id = l.job_id OFFSET 0) j
            """
        )
        return try rows.map(Self.claimedJob).sorted { ($0.priority, $0.id) < ($1.priority, $1.id) }
    }

    private static func claimedJob(_ row: Row) throws -> ClaimedJob {
        let (id, token, kind, arguments, attempt, maximum, priority, batch, unique) = try row.decode(
            (Int64.self, Int64.self, JobKind.self, String.self, Int.self, Int.self, Int.self, Int64?.self, Bool.self)
        )
        return ClaimedJob(
            id: id,
            token: token,
            kind: kind,
            arguments: arguments,
            attempt: attempt,
            maximumAttempts: maximum,
            priority: priority,
            batchID: batch,
            holdsUniqueKey: unique
        )
    }

    /// Moves due jobs from `queue.scheduled` to `queue.ready`, at most 1,000 a call.
    /// - Returns: how many were moved, and how long until the next one is due; `nil` when none is scheduled.
    func promote() async throws -> (moved: Int, next: Duration?) {
        let rows = try await queryByIndex(
            """
            WITH due AS MATERIALIZED (
                SELECT s.ctid FROM queue.scheduled s WHERE s.run_at <= now() ORDER BY s.run_at LIMIT 1000 FOR UPDATE SKIP LOCKED
            ), moved AS (
                DELETE FROM queue.scheduled s WHERE s.ctid = ANY (ARRAY(SELECT ctid FROM due))
                RETURNING s.job_id, s.queue, s.priority
            ), ready AS (
                INSERT INTO queue.ready (queue, priority, job_id) SELECT queue, priority, job_id FROM moved
            )
            SELECT (SELECT count(*) FROM due),
                   (SELECT extract(epoch FROM min(run_at) - clock_timestamp())::float8 FROM queue.scheduled WHERE run_at > now())
            """
        )
        let (moved, next) = try rows[0].decode((Int.self, Double?.self))
        return (moved, moved == 1_000 ? .zero : next.map { .seconds(max(0, $0)) })
    }

    /// Tells all workers that there is work.
    func wakeAll() async throws {
        try await database.execute("SELECT queue.wake()")
    }

    /// Whether nothing in these queues is ready, running, or due within `horizon`.
    func isEmpty(_ queues: [String], dueWithin horizon: Duration) async throws -> Bool {
        let rows = try await database.query(
            """
            SELECT NOT EXISTS (SELECT FROM queue.ready WHERE queue = ANY (\(queues)))
               AND NOT EXISTS (SELECT FROM queue.leases l JOIN queue.jobs j ON j.id = l.job_id WHERE j.queue = ANY (\(queues)))
               AND NOT EXISTS (SELECT FROM queue.scheduled WHERE run_at <= now() + \(horizon)::interval AND queue = ANY (\(queues)))
               -- The last member has ended, and the callback is still to come.
               AND NOT EXISTS (SELECT FROM queue.batches b
                                WHERE b.finished_at IS NULL AND b.sealed AND 'default' = ANY (\(queues))
                                  AND NOT EXISTS (SELECT FROM queue.batch_members m WHERE m.batch_id = b.id))
            """
        )
        return try rows[0].decode(at: 0, as: Bool.self)
    }
}
