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

    /// What a claim found.
    struct Claim: Sendable {
        var jobs: [ClaimedJob] = []
        /// Looked at: those that were leased, and those that were parked because another job holds their concurrency key.
        var seen = 0
        /// The last of them, from where the next claim goes on; `nil` when there was none.
        var cursor: ClaimCursor?
    }

    /// Leases up to `limit` ready jobs to a worker, the smallest priority first, then the oldest. Parks those among them
    /// whose concurrency key is held.
    ///
    /// Finds none when the worker's own row is gone: it was declared dead, and its jobs with it.
    /// - Parameter suspects: Takes from those of the queue that are under suspicion to have ended a worker.
    func claim(
        _ limit: Int,
        from queue: String,
        suspects: Bool = false,
        after cursor: ClaimCursor,
        for worker: Int64
    ) async throws -> Claim {
        let lane: SQL = suspects ? "queue.suspect_lane(\(queue))" : "\(queue)"
        // MATERIALIZED: inlined, the planner may run the subquery again and lock more rows than the LIMIT.
        // FOR KEY SHARE: a rescue of this very worker waits for this claim, or this claim finds no row.
        // DO UPDATE, which updates nothing, locks the holder of a held key until the commit: nobody may be parked behind
        // a holder that has gone. In the order of the keys, like all who lock them.
        let rows = try await queryByIndex(
            """
            WITH me AS MATERIALIZED (
                SELECT id FROM queue.workers WHERE id = \(worker) FOR KEY SHARE
            ), picked AS MATERIALIZED (
                SELECT r.ctid, r.priority, r.job_id, r.concurrency_key
                  FROM queue.ready r
                 WHERE r.queue = \(lane)
                   AND (r.priority, r.job_id) > (\(cursor.priority)::int, \(cursor.jobID)::bigint)
                 ORDER BY r.priority, r.job_id
                 LIMIT \(limit)::bigint
                   FOR UPDATE SKIP LOCKED
            ), holding AS (
                INSERT INTO queue.key_holders AS h (concurrency_key, job_id)
                SELECT DISTINCT ON (concurrency_key) concurrency_key, job_id
                  FROM picked WHERE concurrency_key IS NOT NULL AND EXISTS (SELECT FROM me)
                 ORDER BY concurrency_key, priority, job_id
                ON CONFLICT (concurrency_key) DO UPDATE SET job_id = h.job_id WHERE false
                RETURNING job_id
            ), taken AS (
                DELETE FROM queue.ready r
                 WHERE r.ctid = ANY (ARRAY(SELECT ctid FROM picked)) AND EXISTS (SELECT FROM me)
                RETURNING r.job_id, r.queue, r.priority, r.concurrency_key
            ), leased AS (
                INSERT INTO queue.leases (job_id, token, worker_id, suspect)
                SELECT job_id, nextval('queue.lease_tokens'), \(worker)::bigint, \(suspects)::boolean
                  FROM taken WHERE concurrency_key IS NULL OR job_id IN (SELECT job_id FROM holding)
                RETURNING job_id, token
            ), parked AS (
                INSERT INTO queue.parked (concurrency_key, queue, priority, job_id)
                SELECT concurrency_key, queue, priority, job_id
                  FROM taken WHERE concurrency_key IS NOT NULL AND job_id NOT IN (SELECT job_id FROM holding)
                RETURNING job_id, priority
            )
            SELECT l.job_id, j.priority, j.kind, j.args, j.attempt + 1, j.max_attempts, j.batch_id, j.unique_key IS NOT NULL,
                   j.concurrency_key, l.token
              FROM leased l
              -- OFFSET 0: each lease looks up its job, even where statistics say that there are no jobs to speak of.
             CROSS JOIN LATERAL (SELECT * FROM queue.jobs WHERE id = l.job_id OFFSET 0) j
             UNION ALL
            SELECT job_id, priority, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM parked
            """
        )
        var claim = Claim(seen: rows.count)
        for row in rows {
            if let token = try row.decode(at: 9, as: Int64?.self) {
                claim.jobs.append(try Self.claimedJob(row, token, isSuspect: suspects))
            } else {
                let (id, priority) = try row.decode((Int64.self, Int.self))
                claim.cursor = max(claim.cursor ?? ClaimCursor(), ClaimCursor(priority: priority, jobID: id))
            }
        }
        claim.jobs.sort { ($0.priority, $0.id) < ($1.priority, $1.id) }
        if let last = claim.jobs.last {
            claim.cursor = max(claim.cursor ?? ClaimCursor(), ClaimCursor(priority: last.priority, jobID: last.id))
        }
        return claim
    }

    private static func claimedJob(_ row: Row, _ token: Int64, isSuspect: Bool) throws -> ClaimedJob {
        let (id, priority, kind, arguments, attempt, maximum, batch, unique, key) = try row.decode(
            (
                Int64.self, Int.self, JobKind.self, String.self, Int.self, Int.self, Int64?.self, Bool.self,
                String?.self
            )
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
            holdsUniqueKey: unique,
            concurrencyKey: key,
            isSuspect: isSuspect
        )
    }

    /// Moves due jobs from `queue.scheduled` to `queue.ready`, at most 1,000 a call.
    /// - Returns: how many were moved, how long until the next one is due, `nil` when none is scheduled, and whether a suspect
    ///   is ready in one of the queues.
    func promote(_ queues: [String] = []) async throws -> (moved: Int, next: Duration?, hasSuspects: Bool) {
        let rows = try await queryByIndex(
            """
            WITH due AS MATERIALIZED (
                SELECT s.ctid FROM queue.scheduled s WHERE s.run_at <= now() ORDER BY s.run_at LIMIT 1000 FOR UPDATE SKIP LOCKED
            ), moved AS (
                DELETE FROM queue.scheduled s WHERE s.ctid = ANY (ARRAY(SELECT ctid FROM due))
                RETURNING s.job_id, s.queue, s.priority, s.concurrency_key
            ), ready AS (
                INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
                SELECT queue, priority, job_id, concurrency_key FROM moved
            )
            SELECT (SELECT count(*) FROM due),
                   (SELECT extract(epoch FROM min(run_at) - clock_timestamp())::float8 FROM queue.scheduled WHERE run_at > now()),
                   EXISTS (SELECT FROM unnest(\(queues)::text[]) q, queue.ready r WHERE r.queue = queue.suspect_lane(q))
            """
        )
        let (moved, next, hasSuspects) = try rows[0].decode((Int.self, Double?.self, Bool.self))
        return (moved, moved == 1_000 ? .zero : next.map { .seconds(max(0, $0)) }, hasSuspects)
    }

    /// Tells all workers that there is work.
    func wakeAll() async throws {
        try await database.execute("SELECT queue.wake()")
    }

    /// Where jobs of these queues are ready.
    private static func lanes(of queues: [String]) -> SQL {
        "ARRAY(SELECT unnest(ARRAY[q, queue.suspect_lane(q)]) FROM unnest(\(queues)::text[]) q)"
    }

    /// How many jobs of these queues have not ended.
    package func openJobs(in queues: [String]) async throws -> Int {
        try await database.query(
            """
            SELECT (SELECT count(*) FROM queue.ready WHERE queue = ANY (\(Self.lanes(of: queues))))
                 + (SELECT count(*) FROM queue.parked WHERE queue = ANY (\(Self.lanes(of: queues))))
                 + (SELECT count(*) FROM queue.scheduled WHERE queue = ANY (\(queues)))
                 + (SELECT count(*) FROM queue.leases l JOIN queue.jobs j ON j.id = l.job_id WHERE j.queue = ANY (\(queues)))
            """
        )[0].decode(at: 0, as: Int.self)
    }

    /// Whether nothing in these queues is ready, parked, running, or due within `horizon`.
    func isEmpty(_ queues: [String], dueWithin horizon: Duration) async throws -> Bool {
        let rows = try await database.query(
            """
            SELECT NOT EXISTS (SELECT FROM queue.ready WHERE queue = ANY (\(Self.lanes(of: queues))))
               AND NOT EXISTS (SELECT FROM queue.parked WHERE queue = ANY (\(Self.lanes(of: queues))))
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
