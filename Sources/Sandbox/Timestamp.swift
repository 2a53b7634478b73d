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
        let fraction = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        return switch style {
        case .microseconds: "\(seconds()).\(fraction)Z"
        case .seconds: "\(seconds())Z"
        case .offset: "\(seconds()).\(fraction)+00:00"
        case .nanoseconds: "\(seconds()).\(fraction)000Z"
        case .eastern: "\(seconds(later: 7200)).\(fraction)+02:00"
        case .noOffset: "\(seconds()).\(fraction)"
        case .mixed: text(Self.forms[Int(microseconds % Int64(Self.forms.count))])
        }
    }

    /// Reads `2026-01-02T03:04:05Z`, with up to six digits of fraction.
    init?(_ text: String) {
        guard let match = text.wholeMatch(of: /([^.]{19})(?:\.([0-9]{1,6}))?Z/),
            let date = try? Date("\(match.1)Z", strategy: .iso8601)
        else { return nil }
        let fraction = (match.2.map(String.init) ?? "").padding(toLength: 6, withPad: "0", startingAt: 0)
        microseconds = Int64(date.timeIntervalSince1970) * 1_000_000 + (Int64(fraction) ?? 0)
    }

    init(microseconds: Int64) { self.microseconds = microseconds }

    private static let forms = SandboxOptions.DateStyle.allCases.filter { $0 != .mixed }

    /// `2026-01-02T03:04:05`
    private func seconds(later: Int64 = 0) -> Substring {
        // Its own text ends in `Z`.
        Date(timeIntervalSince1970: Double(microseconds / 1_000_000 + later)).formatted(.iso8601).dropLast()
    }
}
