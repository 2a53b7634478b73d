import Foundation

/// Microseconds since 1970: exact to order by, unlike a floating-point date.
struct Timestamp: Sendable, Hashable, Comparable {
    var microseconds: Int64

    static func < (one: Timestamp, other: Timestamp) -> Bool { one.microseconds < other.microseconds }

    /// Now, or just after `previous` when the clock has not moved on: creation order and time then agree.
    static func now(after previous: Timestamp) -> Timestamp {
        let wall = Int64(Date().timeIntervalSince1970 * 1_000_000)
        return Timestamp(microseconds: max(wall, previous.microseconds + 1))
    }

    func text(_ style: SandboxOptions.DateStyle) -> String {
        // Its own text ends in `Z`, which comes after the fraction.
        let seconds = Date(timeIntervalSince1970: Double(microseconds / 1_000_000)).formatted(.iso8601).dropLast()
        let fraction = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        return switch style {
        case .microseconds: "\(seconds).\(fraction)Z"
        case .seconds: "\(seconds)Z"
        case .offset: "\(seconds).\(fraction)+00:00"
        }
    }
}
