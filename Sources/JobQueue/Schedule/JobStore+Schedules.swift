import Foundation
import Postgres

/// What a new set of schedules changed.
package struct ScheduleChange: Sendable, Equatable, CustomStringConvertible {
    package let schedule: String
    /// For people, such as `cron was @daily, is @hourly`.
    package let what: String

    package var description: String { "\(schedule): \(what)" }
}

/// A schedule that cannot be: its job would be refused.
package struct ScheduleRefused: Error, CustomStringConvertible {
    package let schedule: String
    package let reason: String

    package var description: String { "schedule \(schedule): \(reason)" }
}

extension JobStore {
    /// Where changes of schedules are told to the workers.
    package static let scheduleChannel = "queue_schedules"

    /// Makes these the schedules, and no others. One that is new, or whose times change, begins with its next instant.
    /// - Returns: what changed, in order of name.
    /// - Throws: ``ScheduleRefused`` when a kind is unknown or its arguments do not fit; nothing has changed then.
    package func replaceSchedules(with schedules: [Schedule]) async throws -> [ScheduleChange] {
        try await database.transaction { try await Self.replace(with: schedules, in: $0) }
    }

    private static func replace(with schedules: [Schedule], in transaction: Transaction) async throws
        -> [ScheduleChange]
    {
        // One at a time, and no tick meanwhile.
        try await transaction.execute("LOCK TABLE queue.schedules IN SHARE ROW EXCLUSIVE MODE")
        let (clock, stored) = try await Self.schedules(in: transaction)
        var old = Dictionary(uniqueKeysWithValues: stored.map { ($0.name, $0) })
        var changes: [ScheduleChange] = []
        for schedule in schedules {
            let before = old.removeValue(forKey: schedule.name)
            let what: String? = if let before { schedule.difference(from: before) } else { "new, \(schedule.cron)" }
            guard let what else { continue }
            let next =
                schedule.hasTimes(of: before) ? before?.next : schedule.cron.next(after: clock, in: schedule.zone)
            try await write(schedule, next: next, in: transaction)
            changes.append(ScheduleChange(schedule: schedule.name, what: what))
        }
        for name in old.keys {
            try await transaction.execute("DELETE FROM queue.schedules WHERE name = \(name)")
            changes.append(ScheduleChange(schedule: name, what: "removed"))
        }
        if !changes.isEmpty { try await transaction.execute("SELECT pg_notify(\(scheduleChannel), '')") }
        return changes.sorted { $0.schedule < $1.schedule }
    }

    private static func write(_ schedule: Schedule, next: Date?, in transaction: Transaction) async throws {
        let (cron, zone, missed) = (schedule.cron.description, schedule.zone.identifier, schedule.missed.description)
        do {
            try await transaction.execute(
                """
                INSERT INTO queue.schedules (name, kind, args, queue, cron, time_zone, missed, overlap, next_at)
                SELECT \(schedule.name), \(schedule.kind), \(schedule.arguments)::jsonb, \(schedule.queue), \(cron), \(zone),
                       \(missed), \(schedule.overlap), \(next)::timestamptz
                  FROM queue.check_args(\(schedule.kind), ARRAY[\(schedule.arguments)::jsonb])
                ON CONFLICT (name) DO UPDATE
                   SET (kind, args, queue, cron, time_zone, missed, overlap, next_at, changed_at)
                       = (excluded.kind, excluded.args, excluded.queue, excluded.cron, excluded.time_zone, excluded.missed,
                          excluded.overlap, excluded.next_at, now())
                """
            )
        } catch {
            // Not a `catch … where`: Swift 6.3.1 crashes on that beside a typed throw.
            guard error.sqlState == "22023" else { throw error }
            throw ScheduleRefused(schedule: schedule.name, reason: error.serverSentence)
        }
    }

    /// Every schedule as it stands, and the time by the clock of schedules.
    static func schedules(in executor: some SQLExecutor) async throws -> (clock: Date, schedules: [StoredSchedule]) {
        let rows = try await executor.query(
            """
            SELECT c.at, s.name, s.kind, s.args::text, s.queue, s.cron, s.time_zone, s.missed, s.overlap, s.next_at
              FROM queue.schedule_clock() AS c (at) LEFT JOIN queue.schedules s ON true
             ORDER BY s.name
            """
        )
        let stored = try rows.compactMap(StoredSchedule.init)
        return (try rows[0].decode("at"), stored)
    }
}

/// A row of `queue.schedules`. Another version may have written what this one cannot read.
struct StoredSchedule: Sendable {
    let name: String
    let kind: JobKind
    let arguments: String
    let queue: String
    let cron: String
    let timeZone: String
    let missed: String
    let overlap: Bool
    /// The first instant that is not judged.
    let next: Date?

    /// - Returns: `nil` for the row that stands for no schedule.
    fileprivate init?(_ row: Row) throws {
        guard let name = try row.decode("name", as: String?.self) else { return nil }
        self.name = name
        kind = try row.decode("kind")
        arguments = try row.decode("args")
        queue = try row.decode("queue")
        cron = try row.decode("cron")
        timeZone = try row.decode("time_zone")
        missed = try row.decode("missed")
        overlap = try row.decode("overlap")
        next = try row.decode("next_at")
    }

    /// - Returns: `nil` when this version cannot read it.
    var schedule: Schedule? {
        guard let cron = try? CronExpression(cron), let zone = TimeZone(identifier: timeZone),
            let missed = MissedPolicy(missed)
        else { return nil }
        return Schedule(
            name: name,
            kind: kind,
            arguments: arguments,
            queue: queue,
            cron: cron,
            zone: zone,
            missed: missed,
            overlap: overlap
        )
    }
}

extension Schedule {
    fileprivate func hasTimes(of old: StoredSchedule?) -> Bool {
        old?.cron == cron.description && old?.timeZone == zone.identifier
    }

    /// - Returns: `nil` when there is none.
    fileprivate func difference(from old: StoredSchedule) -> String? {
        let members = [
            ("job", old.kind.rawValue, kind.rawValue),
            ("args", Self.canonical(old.arguments), Self.canonical(arguments)),
            ("queue", old.queue, queue), ("cron", old.cron, cron.description),
            ("time_zone", old.timeZone, zone.identifier), ("missed", old.missed, missed.description),
            ("overlap", "\(old.overlap)", "\(overlap)"),
        ]
        let changed = members.filter { $0.1 != $0.2 }.map { "\($0.0) was \($0.1), is \($0.2)" }
        return changed.isEmpty ? nil : changed.joined(separator: "; ")
    }

    /// The same text for the same JSON.
    private static func canonical(_ text: String) -> String {
        guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8)),
            let data = try? JSONSerialization.data(
                withJSONObject: value,
                options: [.sortedKeys, .withoutEscapingSlashes]
            )
        else { return text }
        return String(decoding: data, as: UTF8.self)
    }
}
