import Foundation

/// The text format of `timestamptz` in the ISO style: `2026-03-01 12:30:00.000001+02`.
enum TimestampText {
    /// Always in UTC, to the microsecond.
    static func write(_ date: Date) -> String {
        let (seconds, microseconds) = Int64((date.timeIntervalSince1970 * 1e6).rounded()).floorDivided(by: 1_000_000)
        let (days, second) = seconds.floorDivided(by: 86_400)
        let (year, month, day) = civil(fromDays: days)
        let clock = "\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))"
        return "\(padded(year, to: 4))-\(padded(month))-\(padded(day)) \(clock).\(padded(microseconds, to: 6))+00"
    }

    static func read(_ text: String) -> Date? {
        var rest = text.utf8[...]
        guard let year = number(&rest, before: "-"), let month = number(&rest, before: "-"),
            let day = number(&rest, before: " "), let hour = number(&rest, before: ":"),
            let minute = number(&rest, before: ":"), let second = number(&rest)
        else { return nil }
        guard let fraction = fraction(&rest), let offset = offset(&rest), rest.isEmpty else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + Double(fraction) / 1e6)
    }

    // MARK: Reading

    private static func number(_ rest: inout Substring.UTF8View, before end: Character? = nil) -> Int64? {
        let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard let number = Int64(Substring(digits)) else { return nil }
        rest = rest[digits.endIndex...]
        if let end {
            guard rest.popFirst() == end.asciiValue else { return nil }
        }
        return number
    }

    /// Microseconds.
    private static func fraction(_ rest: inout Substring.UTF8View) -> Int64? {
        guard rest.first == UInt8(ascii: ".") else { return 0 }
        rest.removeFirst()
        let length = rest.count
        guard var number = number(&rest) else { return nil }
        for _ in (length - rest.count)..<max(6, length - rest.count) { number *= 10 }
        return number
    }

    /// Seconds east of Greenwich.
    private static func offset(_ rest: inout Substring.UTF8View) -> Int64? {
        guard let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return 0 }
        rest.removeFirst()
        var seconds: Int64 = 0
        for unit: Int64 in [3600, 60, 1] {
            guard let number = number(&rest) else { return nil }
            seconds += number * unit
            guard rest.first == UInt8(ascii: ":") else { break }
            rest.removeFirst()
        }
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }

    // MARK: The proleptic Gregorian calendar, in eras of 400 years that begin on 1 March

    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let (era, yearOfEra) = (month <= 2 ? year - 1 : year).floorDivided(by: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).floorDivided(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func padded(_ number: Int64, to width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Int64 {
    /// A quotient rounded down, and so a remainder that is never negative.
    fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
