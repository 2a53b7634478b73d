import Postgres

/// How the queue is now, for people.
package struct QueueOverview: Sendable {
    /// Jobs of one kind that have not ended.
    package struct Depth: Sendable {
        package let kind: JobKind
        package let ready: Int
        package let scheduled: Int
        /// Due, but behind a job that holds their concurrency key.
        package let parked: Int
        package let running: Int
        /// Of all of these, those that were to blame that a worker vanished.
        package let blamed: Int
        /// The age of the oldest ready one, from when it was made.
        package let oldestReady: Duration?
    }

    package struct Worker: Sendable {
        package let name: String
        package let version: String
        package let queues: [String]
        package let concurrency: Int
        package let running: Int
        /// Since its last heartbeat.
        package let silence: Duration

        /// Whether others leave its jobs to it.
        package var isAlive: Bool { silence < WorkerConfiguration().deadAfter }
    }

    package struct RateLimit: Sendable {
        package let name: String
        /// Configured requests a second.
        package let cap: Double
        /// Learned requests a second, as it has crept back by now.
        package let rate: Double
        /// How long no request may be sent; zero: they may.
        package let blocked: Duration
        /// Requests that the server refused with 429, ever.
        package let throttled: Int
    }

    /// Jobs of one kind that ended badly.
    package struct Trouble: Sendable {
        package let kind: JobKind
        /// Ever, and not retried since.
        package let quarantined: Int
        /// Within a day.
        package let failed: Int
    }

    /// Jobs that are due in a queue which no living worker serves.
    package struct Unserved: Sendable, Equatable {
        package let queue: String
        package let jobs: Int
    }

    package let depths: [Depth]
    package let unserved: [Unserved]
    package let workers: [Worker]
    package let rateLimits: [RateLimit]
    package let troubles: [Trouble]
    /// Sealed batches without members whose callback did not come.
    package let emptyBatches: Int
}

extension JobStore {
    /// Looks at the whole queue, in one moment. Costs as much as there are jobs that have not ended or did not succeed;
    /// what succeeded is not read.
    package func overview() async throws -> QueueOverview {
        let answers = try await database.pipeline([
            """
            SELECT j.kind, count(*) FILTER (WHERE w.place = 'ready'), count(*) FILTER (WHERE w.place = 'scheduled'),
                   count(*) FILTER (WHERE w.place = 'parked'), count(*) FILTER (WHERE w.place = 'running'),
                   count(*) FILTER (WHERE j.crashes > 0),
                   extract(epoch FROM now() - min(j.created_at) FILTER (WHERE w.place = 'ready'))::float8
              FROM (SELECT job_id, 'ready' AS place FROM queue.ready
                    UNION ALL SELECT job_id, 'scheduled' FROM queue.scheduled
                    UNION ALL SELECT job_id, 'parked' FROM queue.parked
                    UNION ALL SELECT job_id, 'running' FROM queue.leases) w
              JOIN queue.jobs j ON j.id = w.job_id
             GROUP BY j.kind ORDER BY j.kind
            """,
            """
            SELECT w.name, w.version, w.queues, w.concurrency, (SELECT count(*) FROM queue.leases l WHERE l.worker_id = w.id),
                   extract(epoch FROM now() - w.beat_at)::float8
              FROM queue.workers w ORDER BY w.id
            """,
            """
            SELECT name, cap, least(cap, rate + cap * 0.01 * extract(epoch FROM clock_timestamp() - rate_at))::float8,
                   CASE WHEN blocked_until > clock_timestamp() THEN extract(epoch FROM blocked_until - clock_timestamp()) ELSE 0 END::float8,
                   throttled
              FROM queue.rate_limits ORDER BY name
            """,
            """
            SELECT j.queue, count(*)
              FROM (SELECT job_id FROM queue.ready UNION ALL SELECT job_id FROM queue.parked) w
              JOIN queue.jobs j ON j.id = w.job_id
             WHERE NOT EXISTS (SELECT FROM queue.workers l
                                WHERE j.queue = ANY (l.queues) AND l.beat_at > now() - \(WorkerConfiguration().deadAfter)::interval)
             GROUP BY j.queue ORDER BY j.queue
            """,
            // No index tells how a job ended: its last attempt does.
            """
            SELECT kind, count(*) FILTER (WHERE state = 'quarantined'), count(*) FILTER (WHERE state = 'failed')
              FROM queue.jobs
             WHERE id IN (SELECT job_id FROM queue.attempts WHERE outcome IN ('failed', 'crashed'))
               AND (state = 'quarantined' OR state = 'failed' AND ended_at > now() - interval '1 day')
             GROUP BY kind ORDER BY kind
            """,
            """
            SELECT count(*) FROM queue.batches b
             WHERE b.finished_at IS NULL AND b.sealed AND NOT EXISTS (SELECT FROM queue.batch_members m WHERE m.batch_id = b.id)
            """,
        ])
        return QueueOverview(
            depths: try answers[0].map(QueueOverview.Depth.init),
            unserved: try answers[3].map(QueueOverview.Unserved.init),
            workers: try answers[1].map(QueueOverview.Worker.init),
            rateLimits: try answers[2].map(QueueOverview.RateLimit.init),
            troubles: try answers[4].map(QueueOverview.Trouble.init),
            emptyBatches: try answers[5][0].decode(at: 0)
        )
    }
}

extension QueueOverview.Depth {
    fileprivate init(_ row: Row) throws {
        let seconds: Double?
        (kind, ready, scheduled, parked, running, blamed, seconds) = try row.decode(
            (JobKind.self, Int.self, Int.self, Int.self, Int.self, Int.self, Double?.self)
        )
        oldestReady = seconds.map { .seconds($0) }
    }
}

extension QueueOverview.Unserved {
    fileprivate init(_ row: Row) throws {
        (queue, jobs) = try row.decode((String.self, Int.self))
    }
}

extension QueueOverview.Worker {
    fileprivate init(_ row: Row) throws {
        let seconds: Double
        (name, version, queues, concurrency, running, seconds) = try row.decode(
            (String.self, String.self, [String].self, Int.self, Int.self, Double.self)
        )
        silence = .seconds(seconds)
    }
}

extension QueueOverview.RateLimit {
    fileprivate init(_ row: Row) throws {
        let seconds: Double
        (name, cap, rate, seconds, throttled) = try row.decode(
            (String.self, Double.self, Double.self, Double.self, Int.self)
        )
        blocked = .seconds(seconds)
    }
}

extension QueueOverview.Trouble {
    fileprivate init(_ row: Row) throws {
        (kind, quarantined, failed) = try row.decode((JobKind.self, Int.self, Int.self))
    }
}
