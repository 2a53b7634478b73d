import Foundation

/// Five fields that say when: minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`,
/// `@monthly`, `@yearly`.
///
/// Lists, ranges, steps, and English names of months and days. A field that is exactly `*` leaves its unit free; where
/// both days are restricted, one of them is enough, as in every cron. Where clocks change:
/// * a time that is skipped happens at the first instant after the gap, and several of them happen there once;
/// * a time that comes twice happens once, at its first; but an expression whose hour is `*` goes on through the hour
///   that is repeated, or what runs every quarter of an hour would pause for an hour each autumn.
package struct CronExpression: Sendable, Equatable, CustomStringConvertible {
    package let description: String
    private let minutes: UInt64
    private let hours: UInt64
    private let daysOfMonth: UInt64
    private let months: UInt64
    private let daysOfWeek: UInt64
    private let anyDayOfMonth: Bool
    private let anyDayOfWeek: Bool
    private let everyHour: Bool

    private static let shorthands = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    /// Of each month, in a leap year.
    private static let lastDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

    /// - Throws: ``CronError``, also for what no calendar holds, such as 31 February.
    package init(_ text: String) throws(CronError) {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        let expanded = Self.shorthands[trimmed.lowercased()]
        if trimmed.hasPrefix("@"), expanded == nil {
            throw CronError(
                "“\(trimmed)” is not known; there are \(Self.shorthands.keys.sorted().joined(separator: ", "))"
            )
        }
        let fields = (expanded ?? trimmed).split(whereSeparator: \.isWhitespace)
        guard fields.count == 5 else {
            throw CronError(
                "“\(trimmed)” has \(fields.count) fields, not five: minute, hour, day of month, month, day of week"
            )
        }
        description = trimmed
        minutes = try CronField.minute.parse(fields[0])
        hours = try CronField.hour.parse(fields[1])
        daysOfMonth = try CronField.dayOfMonth.parse(fields[2])
        months = try CronField.month.parse(fields[3])
        daysOfWeek = try CronField.dayOfWeek.parse(fields[4])
        everyHour = fields[1] == "*"
        anyDayOfMonth = fields[2] == "*"
        anyDayOfWeek = fields[4] == "*"
        guard comes else {
            throw CronError(
                "“\(trimmed)” never comes: none of its months has one of its days; name another day or month"
            )
        }
    }

    /// The first instant after `date`; `nil` where there is none within nine years, which hold a 29 February also where
    /// a century leaves one out.
    package func next(after date: Date, in zone: TimeZone) -> Date? {
        let clock = ZoneClock(zone)
        let after = Int(date.timeIntervalSince1970.rounded(.down))
        let first = clock.dayBefore(after)
        for number in first...(first + 9 * 366) {
            if let next = instants(of: CivilDay(number: number), clock).first(where: { $0 > after }) {
                return Date(timeIntervalSince1970: TimeInterval(next))
            }
        }
        return nil
    }

    /// Every instant from `first` to `last`, both included, in their order; none twice.
    package func instants(from first: Date, through last: Date, in zone: TimeZone) -> [Date] {
        let clock = ZoneClock(zone)
        let begin = Int(first.timeIntervalSince1970.rounded(.up))
        let end = Int(last.timeIntervalSince1970.rounded(.down))
        guard begin <= end else { return [] }
        var found: [Date] = []
        var latest = begin - 1
        for number in clock.dayBefore(begin)...(clock.dayBefore(end) + 1) {
            for instant in instants(of: CivilDay(number: number), clock) {
                guard latest < instant, instant <= end else { continue }
                found.append(Date(timeIntervalSince1970: TimeInterval(instant)))
                latest = instant
            }
        }
        return found
    }

    private func matches(_ day: CivilDay) -> Bool {
        guard has(months, day.month) else { return false }
        let ofMonth = has(daysOfMonth, day.dayOfMonth)
        let ofWeek = has(daysOfWeek, day.dayOfWeek)
        return switch (anyDayOfMonth, anyDayOfWeek) {
        case (false, false): ofMonth || ofWeek
        case (_, true): ofMonth
        case (true, false): ofWeek
        }
    }

    /// In their order, in seconds since 1970. A gap may give one of them several times.
    private func instants(of day: CivilDay, _ clock: ZoneClock) -> [Int] {
        guard matches(day) else { return [] }
        var instants: [Int] = []
        let shift = clock.shift(on: day)
        for hour in 0..<24 where has(hours, hour) {
            for minute in 0..<60 where has(minutes, minute) {
                let local = day.midnight + (hour * 60 + minute) * 60
                instants += shift.instants(ofLocal: local, both: everyHour)
            }
        }
        return instants.sorted()
    }

    /// Whether some year has a day for it. A day of the week comes in every month.
    private var comes: Bool {
        guard anyDayOfWeek else { return true }
        return (1...12).contains { month in
            has(months, month) && (1...Self.lastDays[month - 1]).contains { has(daysOfMonth, $0) }
        }
    }

    private func has(_ values: UInt64, _ value: Int) -> Bool { values >> UInt64(value) & 1 == 1 }
}
