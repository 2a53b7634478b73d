import Postgres

extension JobStore {
    /// Enters a worker among the living.
    func register(name: String, version: String, queues: [String], concurrency: Int) async throws -> Int64 {
        let rows = try await database.query(
            """
            INSERT INTO queue.workers (name, version, queues, concurrency)
            VALUES (\(name), \(version), \(queues), \(concurrency))
            RETURNING id
            """
        )
        return try rows[0].decode(at: 0, as: Int64.self)
    }

    /// One heartbeat.
    /// - Returns: `false` when the worker was declared dead; its jobs are others' by now.
    static func beat(_ worker: Int64, on database: Database) async throws -> Bool {
        try await database.execute(
            "UPDATE queue.workers SET beat_at = now() WHERE id = \(worker)",
            deadline: .seconds(4)
        ) == 1
    }

    /// Takes the jobs of workers that have not beaten for `silence` and gives them back, at the head of their priority
    /// by age. The attempt counts, and the crash: too many quarantine the job. Any worker may do this; two at once
    /// share the dead between them.
    /// - Returns: the names of the workers declared dead, how many jobs were taken, and which of them ended.
    static func rescue(silentFor silence: Duration, on database: Database) async throws -> Rescue {
        let dead: SQL = "SELECT id FROM queue.workers WHERE beat_at < now() - \(silence)::interval"
        guard try await !database.query(dead).isEmpty else { return Rescue(workers: [], jobs: 0, ended: []) }
        let (rescue, batches) = try await database.transaction { transaction in
            // In a statement of its own: what follows must see the leases of every claim that came before the lock.
            // A claim after it waits, and then finds no worker.
            let ids = try await transaction.query("\(dead) ORDER BY id LIMIT 8 FOR UPDATE SKIP LOCKED")
                .map { try $0.decode(at: 0, as: Int64.self) }
            return try await bury(ids, in: transaction)
        }
        if !batches.isEmpty {
            try await database.execute("SELECT queue.finish_batches(\(batches)::bigint[])")
        }
        return rescue
    }

    private static func bury(_ dead: [Int64], in transaction: Transaction) async throws -> (Rescue, batches: [Int64]) {
        let rows = try await transaction.query(
            """
            WITH dead AS MATERIALIZED (
                SELECT id, name FROM queue.workers WHERE id = ANY (\(dead)::bigint[])
            ), freed AS (
                DELETE FROM queue.leases l USING dead WHERE l.worker_id = dead.id
                RETURNING l.job_id, l.token, l.started_at, dead.name
            ), judged AS (
                UPDATE queue.jobs j
                   SET crashes = j.crashes + 1,
                       attempt = j.attempt + 1,
                       state = CASE WHEN j.crashes + 1 >= coalesce(k.max_crashes, 3) THEN 'quarantined'
                                    WHEN j.attempt + 1 >= j.max_attempts THEN 'failed' ELSE 'pending' END,
                       ended_at = CASE WHEN j.crashes + 1 >= coalesce(k.max_crashes, 3) OR j.attempt + 1 >= j.max_attempts THEN now() END,
                       error = 'the worker ' || f.name || ' vanished while it ran this job'
                  FROM freed f
                  JOIN queue.jobs o ON o.id = f.job_id
                  LEFT JOIN queue.kinds k ON k.kind = o.kind
                 WHERE j.id = f.job_id
                RETURNING j.id, j.state, j.queue, j.priority, j.attempt, j.error, j.batch_id, f.token, f.name, f.started_at
            ), told AS (
                INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
                SELECT id, attempt, token, name, 'crashed', error, started_at FROM judged
            ), back AS (
                INSERT INTO queue.ready (queue, priority, job_id) SELECT queue, priority, id FROM judged WHERE state = 'pending'
            ), unkeyed AS (
                DELETE FROM queue.unique_keys u USING judged WHERE u.job_id = judged.id AND judged.state <> 'pending'
            ), unbatched AS (
                DELETE FROM queue.batch_members m USING judged
                 WHERE m.batch_id = judged.batch_id AND m.job_id = judged.id AND judged.state <> 'pending'
            ), buried AS (
                DELETE FROM queue.workers w USING dead WHERE w.id = dead.id
            )
            SELECT (SELECT array_agg(name) FROM dead),
                   (SELECT count(*) FROM judged),
                   (SELECT array_agg(id) FROM judged WHERE state <> 'pending'),
                   (SELECT array_agg(DISTINCT batch_id) FROM judged WHERE state <> 'pending' AND batch_id IS NOT NULL)
            """
        )
        let (workers, jobs, ended, batches) = try rows[0].decode(
            ([String]?.self, Int.self, [Int64]?.self, [Int64]?.self)
        )
        return (Rescue(workers: workers ?? [], jobs: jobs, ended: ended ?? []), batches ?? [])
    }

    struct Rescue: Sendable {
        let workers: [String]
        let jobs: Int
        /// Jobs that were not given back: quarantined, or out of attempts.
        let ended: [Int64]
    }

    /// Gives back the leases of a living worker that it does not know of, with no attempt spent. No claim of that worker
    /// may be under way, but for one that was given up.
    /// - Parameter held: The tokens that it knows.
    /// - Returns: how many were given back.
    func giveBack(heldBy worker: Int64, except held: [Int64]) async throws -> Int {
        try await database.query(Self.giveBack(of: worker, except: held)).count
    }

    /// Gives back what a stopping worker still holds, with no attempt spent, and takes it from among the living.
    func deregister(_ worker: Int64) async throws {
        try await database.pipeline([
            // In a statement of its own, as in the rescue: a claim whose answer was lost may still be under way.
            "SELECT FROM queue.workers WHERE id = \(worker) FOR UPDATE",
            Self.giveBack(of: worker, except: []),
            "DELETE FROM queue.workers WHERE id = \(worker)",
            "SELECT queue.wake()",
        ])
    }

    private static func giveBack(of worker: Int64, except held: [Int64]) -> SQL {
        """
        WITH freed AS (
            DELETE FROM queue.leases l
             WHERE l.worker_id = \(worker)
               AND NOT EXISTS (SELECT FROM unnest(\(held)::bigint[]) AS held (token) WHERE held.token = l.token)
            RETURNING l.job_id
        )
        INSERT INTO queue.ready (queue, priority, job_id)
        SELECT j.queue, j.priority, j.id FROM freed f JOIN queue.jobs j ON j.id = f.job_id
        RETURNING job_id
        """
    }

    /// Finishes batches whose last member ended in a worker that vanished before it could ask.
    static func sweepBatches(on database: Database) async throws {
        try await database.execute(
            """
            SELECT queue.finish_batches(array_agg(b.id)) FROM queue.batches b
             WHERE b.finished_at IS NULL AND b.sealed
               AND NOT EXISTS (SELECT FROM queue.batch_members m WHERE m.batch_id = b.id)
            HAVING count(*) > 0
            """
        )
    }
}
