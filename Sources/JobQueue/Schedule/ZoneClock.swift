import Foundation

/// What clocks on the wall show in a time zone. Local times are seconds that look like UTC.
struct ZoneClock {
    private let zone: TimeZone

    init(_ zone: TimeZone) {
        self.zone = zone
    }

    /// Seconds by which the zone is ahead of UTC.
    func offset(at instant: Int) -> Int {
        zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(instant)))
    }

    /// The day before the one that clocks show at an instant: what a gap puts off may fall on the day after its own.
    func dayBefore(_ instant: Int) -> Int {
        CivilDay(containing: instant + offset(at: instant)).number - 1
    }

    /// What clocks do on a day: nothing, or a change of their offset. No zone is known to change twice within three days.
    func shift(on day: CivilDay) -> ZoneShift {
        // Local times taken as UTC: a day more on either side than the largest offset needs.
        let (begin, end) = (day.midnight - CivilDay.seconds, day.midnight + 2 * CivilDay.seconds)
        let (before, after) = (offset(at: begin), offset(at: end))
        guard before != after else { return ZoneShift(instant: begin, before: before, after: after) }
        var (low, high) = (begin, end)
        while high - low > 1 {
            let middle = (low + high) / 2
            if offset(at: middle) == before { low = middle } else { high = middle }
        }
        return ZoneShift(instant: high, before: before, after: after)
    }
}

/// A change of a zone's offset from UTC; none where both are the same.
struct ZoneShift {
    /// When it begins to hold.
    let instant: Int
    let before: Int
    let after: Int

    /// When clocks show a local time.
    /// - Parameter both: Whether a time that they show twice counts twice.
    /// - Returns: one instant, or two; for a time that they skip, the first after the gap.
    func instants(ofLocal local: Int, both: Bool) -> [Int] {
        let early = local - before
        let late = local - after
        switch (early < instant, late >= instant) {
        case (true, true): return both ? [early, late] : [early]
        case (true, false): return [early]
        case (false, true): return [late]
        case (false, false): return [instant]
        }
    }
}

/// A day of the Gregorian calendar, in no zone.
struct CivilDay {
    static let seconds = 86_400

    private static let calendar = {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar
    }()

    /// Days since 1970-01-01.
    let number: Int
    let month: Int
    let dayOfMonth: Int

    init(number: Int) {
        self.number = number
        let date = Date(timeIntervalSince1970: TimeInterval(number * Self.seconds))
        let parts = Self.calendar.dateComponents([.month, .day], from: date)
        month = parts.month ?? 0
        dayOfMonth = parts.day ?? 0
    }

    /// - Parameter local: A local time.
    init(containing local: Int) {
        self.init(number: Int((Double(local) / Double(Self.seconds)).rounded(.down)))
    }

    /// Its first second, as a local time.
    var midnight: Int { number * Self.seconds }

    /// 0 is Sunday.
    var dayOfWeek: Int { ((number + 4) % 7 + 7) % 7 }
}
