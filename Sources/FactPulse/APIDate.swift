import Foundation

/// Reads the timestamps of FactPulse: `2026-03-01T12:34:56`, then any digits of fraction, then `Z`, `±hh:mm`, `±hh` or
/// nothing, which means UTC. Own code, because `ISO8601DateFormatter` knows one form at a time and costs 20 times more.
enum APIDate {
    static func parse(_ text: String) -> Date? {
        var reader = Reader(bytes: Array(text.utf8))
        guard let day = reader.day(), reader.skip("T", "t", " "), let time = reader.time() else { return nil }
        guard let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd else { return nil }
        return Date(timeIntervalSince1970: Double(day * 86400 + time - offset) + fraction)
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        var isAtEnd: Bool { position == bytes.count }

        mutating func skip(_ accepted: Character...) -> Bool {
            guard position < bytes.count else { return false }
            guard accepted.contains(Character(UnicodeScalar(bytes[position]))) else { return false }
            position += 1
            return true
        }

        mutating func number(digits: Int) -> Int? {
            guard position + digits <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[position..<position + digits] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            position += digits
            return value
        }

        /// Days since 1970-01-01 in the Gregorian calendar.
        mutating func day() -> Int? {
            guard let year = number(digits: 4), skip("-"), let month = number(digits: 2), skip("-"),
                let day = number(digits: 2), (1...12).contains(month)
            else { return nil }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            guard (1...lengths[month - 1]).contains(day) else { return nil }
            let before = year - 1
            let leapDays = before / 4 - before / 100 + before / 400
            // 719162 days lie between 0001-01-01 and 1970-01-01.
            return before * 365 + leapDays + lengths[..<(month - 1)].reduce(0, +) + day - 1 - 719_162
        }

        mutating func time() -> Int? {
            guard let hour = number(digits: 2), skip(":"), let minute = number(digits: 2), skip(":"),
                let second = number(digits: 2), hour < 24, minute < 60, second < 61
            else { return nil }
            return hour * 3600 + minute * 60 + second
        }

        /// 0 when there is none; `nil` when there is a dot and no digit behind it.
        mutating func fraction() -> Double? {
            guard skip(".", ",") else { return 0 }
            var value = 0.0
            var scale = 1.0
            while let digit = number(digits: 1) {
                scale /= 10
                value += Double(digit) * scale
            }
            return scale < 1 ? value : nil
        }

        /// Seconds east of Greenwich.
        mutating func offset() -> Int? {
            if isAtEnd || skip("Z", "z") { return 0 }
            let isEast = skip("+")
            guard isEast || skip("-"), let hours = number(digits: 2) else { return nil }
            let hasColon = skip(":")
            guard let minutes = isAtEnd && !hasColon ? 0 : number(digits: 2), hours < 24, minutes < 60 else {
                return nil
            }
            return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
        }
    }
}
