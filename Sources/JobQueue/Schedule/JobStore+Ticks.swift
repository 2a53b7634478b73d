import Foundation
import Postgres

extension JobStore {
    /// Ticks that one statement writes at most. After a long absence there are more, and the next statement goes on.
    static let ticksAtOnce = 5_000

    /// Judges what is due of every schedule, each tick once whoever else does the same: jobs for those that fire, a row
    /// with the reason for those that are missed.
    /// - Returns: what was written, and how long until the next instant; `nil`: there is none.
    func fireDue() async throws -> (ticks: [Tick], unreadable: [String], next: Duration?) {
        let (clock, stored) = try await Self.schedules(in: database)
        var (ticks, unreadable, next) = ([Tick](), [String](), Date?.none)
        for row in stored {
            guard let due = row.next else { continue }
            guard let schedule = row.schedule else {
                unreadable.append(row.name)
                continue
            }
            var upcoming: Date? = due
            if due <= clock {
                let verdicts = schedule.judge(from: due, now: clock)
                let written = Array(verdicts.prefix(Self.ticksAtOnce))
                upcoming = schedule.cron.next(after: written.last?.instant ?? clock, in: schedule.zone)
                ticks += try await fire(schedule, written, from: due, next: upcoming)
            }
            next = [next, upcoming].compactMap(\.self).min()
        }
        return (ticks, unreadable, next.map { .seconds(max(0, $0.timeIntervalSince(clock))) })
    }

    /// - Returns: nothing when another worker was first.
    private func fire(_ schedule: Schedule, _ verdicts: [Schedule.Verdict], from due: Date, next: Date?)
        async throws -> [Tick]
    {
        do {
            return try await write(schedule, verdicts, from: due, next: next)
        } catch let error as PostgresError where error.sqlState == "22023" {
            // The kind went, or takes other arguments, since the schedule was written. It must not fire for ever.
            let refused = verdicts.map {
                Schedule.Verdict(
                    instant: $0.instant,
                    reason: $0.reason ?? "the job was refused: \(error.serverSentence)"
                )
            }
            return try await write(schedule, refused, from: due, next: next)
        }
    }

    private func write(_ schedule: Schedule, _ verdicts: [Schedule.Verdict], from due: Date, next: Date?)
        async throws -> [Tick]
    {
        // The second of two workers waits for the row, and then finds next_at moved. Times that have changed meanwhile
        // are judged anew.
        let rows = try await database.query(
            """
            WITH moved AS (
                UPDATE queue.schedules SET next_at = \(next)::timestamptz
                 WHERE name = \(schedule.name) AND next_at = \(due)::timestamptz
                   AND (cron, time_zone) = (\(schedule.cron.description), \(schedule.zone.identifier))
                RETURNING name, kind, args, queue, overlap, paused_at
            ), judged AS MATERIALIZED (
                SELECT m.*, t.instant,
                       CASE WHEN m.paused_at IS NOT NULL THEN 'the schedule was paused'
                            WHEN t.reason IS NOT NULL THEN t.reason
                            WHEN u.job_id IS NOT NULL THEN 'job ' || u.job_id || ' of an earlier tick had not ended' END AS reason
                  FROM moved m
                 CROSS JOIN unnest(\(verdicts.map(\.instant))::timestamptz[], \(verdicts.map(\.reason))::text[]) AS t (instant, reason)
                  LEFT JOIN queue.unique_keys u ON NOT m.overlap AND u.kind = m.kind AND u.key = 'schedule ' || m.name
                 WHERE NOT EXISTS (SELECT FROM queue.ticks k WHERE k.schedule = m.name AND k.instant = t.instant)
            )
            INSERT INTO queue.ticks (schedule, instant, outcome, reason, job_id)
            SELECT name, instant, CASE WHEN reason IS NULL THEN 'enqueued' ELSE 'missed' END, reason,
                   CASE WHEN reason IS NULL THEN
                       queue.enqueue(kind, args, queue, unique_key => CASE WHEN NOT overlap THEN 'schedule ' || name END) END
              FROM judged
            RETURNING instant, job_id, reason
            """
        )
        return try rows.map { row in
            let (instant, job, reason) = try row.decode((Date.self, Int64?.self, String?.self))
            return Tick(schedule: schedule.name, instant: instant, job: job, reason: reason)
        }
    }
}

/// What became of one instant of a schedule.
package struct Tick: Sendable, Equatable {
    package let schedule: String
    package let instant: Date
    /// The job that was made for it; `nil`: it was missed.
    package let job: Int64?
    /// Why it was missed.
    package let reason: String?
}
