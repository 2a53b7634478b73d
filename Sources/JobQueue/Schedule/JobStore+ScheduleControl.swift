import Foundation
import Postgres

/// A schedule as people see it.
package struct ScheduleOverview: Sendable {
    package let name: String
    package let kind: JobKind
    package let cron: String
    package let timeZone: String
    package let missed: String
    package let pausedAt: Date?
    package let next: Date?
    /// The last instant that was judged.
    package let last: Tick?
    /// What became of its job, as `jobs list` says it.
    package let lastJobState: String?
    /// Ticks of the last seven days that were missed.
    package let missedLately: Int
}

/// What became of an order to run a schedule now.
package enum ScheduleRun: Sendable, Equatable {
    case made(job: Int64)
    /// The job of an earlier run has not ended, and two must not overlap.
    case busy(job: Int64)
    case notFound
}

/// What operators ask and order.
extension JobStore {
    /// Every schedule, by name.
    package func scheduleOverview() async throws -> [ScheduleOverview] {
        let rows = try await database.query(
            """
            SELECT s.name, s.kind, s.cron, s.time_zone, s.missed, s.paused_at, s.next_at,
                   t.instant, t.job_id, t.reason, o.state, m.count AS missed_lately
              FROM queue.schedules s
              LEFT JOIN LATERAL (SELECT * FROM queue.ticks k WHERE k.schedule = s.name ORDER BY k.instant DESC LIMIT 1) t ON true
              LEFT JOIN LATERAL (SELECT state FROM queue.job_overview j WHERE j.id = t.job_id) o ON true
             CROSS JOIN LATERAL (
                   SELECT count(*) FROM queue.ticks k
                    WHERE k.schedule = s.name AND k.outcome = 'missed'
                      AND k.instant > queue.schedule_clock() - interval '7 days') m
             ORDER BY s.name
            """
        )
        return try rows.map(ScheduleOverview.init)
    }

    /// Stops a schedule from firing, or lets it fire again. Its ticks in between are missed.
    /// - Returns: `false` when there is no such schedule.
    package func pauseSchedule(_ name: String, _ isPaused: Bool) async throws -> Bool {
        try await database.execute(
            """
            UPDATE queue.schedules SET paused_at = CASE WHEN \(isPaused) THEN coalesce(paused_at, now()) END
             WHERE name = \(name)
            """
        ) == 1
    }

    /// Makes the schedule's job now, beside its ticks; also of one that is paused.
    package func runSchedule(_ name: String) async throws -> ScheduleRun {
        let rows = try await database.query(
            """
            SELECT u.job_id,
                   CASE WHEN u.job_id IS NULL THEN
                       queue.enqueue(s.kind, s.args, s.queue, unique_key => CASE WHEN NOT s.overlap THEN 'schedule ' || s.name END) END
              FROM queue.schedules s
              LEFT JOIN queue.unique_keys u ON NOT s.overlap AND u.kind = s.kind AND u.key = 'schedule ' || s.name
             WHERE s.name = \(name)
            """
        )
        guard let row = rows.first else { return .notFound }
        let (busy, made) = try row.decode((Int64?.self, Int64?.self))
        return busy.map { .busy(job: $0) } ?? made.map { .made(job: $0) } ?? .notFound
    }
}

extension ScheduleOverview {
    fileprivate init(_ row: Row) throws {
        name = try row.decode("name")
        kind = try row.decode("kind")
        cron = try row.decode("cron")
        timeZone = try row.decode("time_zone")
        missed = try row.decode("missed")
        pausedAt = try row.decode("paused_at")
        next = try row.decode("next_at")
        let (job, reason) = try (row.decode("job_id", as: Int64?.self), row.decode("reason", as: String?.self))
        last = try row.decode("instant", as: Date?.self).map { [name] in
            Tick(schedule: name, instant: $0, job: job, reason: reason)
        }
        lastJobState = try row.decode("state")
        missedLately = try row.decode("missed_lately")
    }
}
