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

    /// Workers that have not beaten for `silence`.
    static func silentWorkers(for silence: Duration, on database: Database) async throws -> [Int64] {
        try await database.query(
            "SELECT id FROM queue.workers WHERE beat_at < now() - \(silence)::interval ORDER BY id"
        ).map { try $0.decode(at: 0, as: Int64.self) }
    }

    /// Takes the jobs of a worker that has not beaten for `silence` and gives them back, at the head of their priority
    /// by age. The attempt counts. Any worker may do this.
    ///
    /// Who is to blame: the one suspect that it ran, or the one job. Where there were several, none of them was a suspect
    /// before and each is one now, see `queue.suspect_lane`. A job that was to blame too often is quarantined if it was there
    /// when at least half of the workers vanished that vanished since it first was: under a storm that kills whatever works,
    /// none of them was. (Or if it was to blame ten times as often: there may be many such jobs at once.)
    ///
    /// Waits for nobody. A job that is in the middle of a write is left for the next time: a stopped process can hold its
    /// transaction open, and its lease with it, until the server ends that.
    /// - Returns: `nil` when the worker beats again, or another rescues it.
    static func rescue(_ worker: Int64, silentFor silence: Duration, on database: Database) async throws -> Rescue? {
        let dead: SQL = "id = \(worker) AND beat_at < now() - \(silence)::interval"
        let answers: [[Row]]
        do {
            // Sent at once: no process that stops can keep the holders of keys locked.
            answers = try await database.pipeline([
                byIndex,
                // In a statement of its own: what follows must see the leases of every claim that came before the lock.
                // A claim after it waits, and then finds no worker; where the row had to stay, its leases are found
                // next time. NOWAIT: when a claim of this worker or another rescue is under way, nothing must follow.
                "SELECT FROM queue.workers WHERE \(dead) FOR UPDATE NOWAIT",
                bury(dead),
                "SELECT queue.release_orphaned_keys()",
                // Who rescues may have no slot free.
                "SELECT queue.wake()",
            ])
        } catch {
            guard error.sqlState == "55P03" else { throw error }
            return nil
        }
        guard let row = answers[2].first else { return nil }
        let (name, jobs, ended, batches) = try row.decode((String.self, Int.self, [Int64]?.self, [Int64]?.self))
        if let batches {
            try await database.execute("SELECT queue.finish_batches(\(batches)::bigint[])")
        }
        return Rescue(worker: name, jobs: jobs, ended: ended ?? [])
    }

    private static func bury(_ dead: SQL) -> SQL {
        """
        WITH dead AS MATERIALIZED (
            SELECT id, name FROM queue.workers WHERE \(dead)
        ), held AS MATERIALIZED (
            SELECT job_id,
                   suspect OR (SELECT count(*) FROM queue.leases WHERE worker_id = (SELECT id FROM dead)) = 1 AS blamed
              FROM queue.leases WHERE worker_id = (SELECT id FROM dead) FOR UPDATE SKIP LOCKED
        ), crashed AS (
            SELECT h.job_id, h.blamed, j.crashes + h.blamed::int AS crashes,
                   CASE WHEN h.blamed AND j.crashes + 1 >= coalesce(k.max_crashes, 3) THEN
                        j.crashes + 1 >= 10 * coalesce(k.max_crashes, 3)
                        OR (SELECT 2 * (1 + count(*) FILTER (WHERE a.job_id = h.job_id)) >= 1 + count(DISTINCT a.ended_at)
                              FROM queue.attempts a
                             WHERE a.outcome = 'crashed' AND a.ended_at > now() - interval '1 day'
                               AND a.ended_at >= (SELECT min(b.ended_at) FROM queue.attempts b
                                                   WHERE b.job_id = h.job_id AND b.outcome = 'crashed'
                                                     AND b.ended_at > now() - interval '1 day'))
                   ELSE false END AS is_poison
              FROM held h
              JOIN queue.jobs j ON j.id = h.job_id
              LEFT JOIN queue.kinds k ON k.kind = j.kind
        ), freed AS (
            DELETE FROM queue.leases l USING held WHERE l.job_id = held.job_id
            RETURNING l.job_id, l.token, l.worker_id, l.started_at
        ), judged AS (
            UPDATE queue.jobs j
               SET crashes = c.crashes,
                   attempt = j.attempt + 1,
                   state = CASE WHEN c.is_poison THEN 'quarantined' WHEN j.attempt + 1 >= j.max_attempts THEN 'failed' ELSE 'pending' END,
                   ended_at = CASE WHEN c.is_poison OR j.attempt + 1 >= j.max_attempts THEN now() END,
                   error = 'the worker ' || dead.name || ' vanished while it ran this job'
              FROM freed f
              JOIN dead ON dead.id = f.worker_id
              JOIN crashed c ON c.job_id = f.job_id
             WHERE j.id = f.job_id
            RETURNING j.id, j.state, j.queue, j.priority, j.concurrency_key, j.attempt, j.error, j.batch_id, f.token, dead.name, f.started_at
        ), told AS (
            INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
            SELECT id, attempt, token, name, 'crashed', error, started_at FROM judged
        ), back AS (
            INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
            SELECT queue.suspect_lane(queue), priority, id, concurrency_key FROM judged WHERE state = 'pending'
        ), unkeyed AS (
            DELETE FROM queue.unique_keys u USING judged WHERE u.job_id = judged.id AND judged.state <> 'pending'
        ), unbatched AS (
            DELETE FROM queue.batch_members m USING judged
             WHERE m.batch_id = judged.batch_id AND m.job_id = judged.id AND judged.state <> 'pending'
        ), buried AS (
            DELETE FROM queue.workers w USING dead
             WHERE w.id = dead.id
               AND NOT EXISTS (SELECT FROM queue.leases WHERE worker_id = dead.id AND job_id NOT IN (SELECT job_id FROM held))
        )
        SELECT name,
               (SELECT count(*) FROM judged),
               (SELECT array_agg(id) FROM judged WHERE state <> 'pending'),
               (SELECT array_agg(DISTINCT batch_id) FROM judged WHERE state <> 'pending' AND batch_id IS NOT NULL)
          FROM dead
        """
    }

    struct Rescue: Sendable {
        /// The name of the worker that vanished.
        let worker: String
        /// How many were taken from it.
        let jobs: Int
        /// Jobs that were not given back: quarantined, or out of attempts.
        let ended: [Int64]
    }

    /// Gives back the leases of a living worker that it does not know of, with no attempt spent. No claim of that worker
    /// may be under way, but for one that was given up.
    /// - Parameter held: The tokens that it knows.
    /// - Returns: how many were given back.
    func giveBack(heldBy worker: Int64, except held: [Int64]) async throws -> Int {
        try await database.pipeline([
            Self.byIndex,
            Self.giveBack(of: worker, except: held),
            "SELECT queue.release_orphaned_keys()",
        ])[1].count
    }

    /// Gives back what a stopping worker still holds, with no attempt spent, and takes it from among the living.
    func deregister(_ worker: Int64) async throws {
        try await database.pipeline([
            // In a statement of its own, as in the rescue: a claim whose answer was lost may still be under way.
            "SELECT FROM queue.workers WHERE id = \(worker) FOR UPDATE",
            Self.giveBack(of: worker, except: []),
            "SELECT queue.release_orphaned_keys()",
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
            RETURNING l.job_id, l.suspect
        )
        INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
        SELECT CASE WHEN f.suspect THEN queue.suspect_lane(j.queue) ELSE j.queue END, j.priority, j.id, j.concurrency_key FROM freed f JOIN queue.jobs j ON j.id = f.job_id
        RETURNING job_id
        """
    }

    /// Finishes batches whose last member ended in a worker that vanished before it could ask. Brings back parked jobs
    /// whose key nobody holds: there are none, unless who was cancelling one was cut off just then.
    static func sweep(on database: Database) async throws {
        try await database.execute(
            """
            SELECT queue.release_orphaned_keys(),
                   (SELECT queue.finish_batches(array_agg(b.id)) FROM queue.batches b
                     WHERE b.finished_at IS NULL AND b.sealed
                       AND NOT EXISTS (SELECT FROM queue.batch_members m WHERE m.batch_id = b.id)
                    HAVING count(*) > 0)
            """
        )
    }
}
