import Foundation

/// How long a server asked to be left alone.
enum RetryAfter {
    /// No server is believed for longer than this: one that says "next year" would stop the whole fleet.
    static let longest: Duration = .seconds(24 * 3600)

    /// Reads the `Retry-After` header (seconds, or an HTTP date), else Django's text "available in N seconds".
    /// - Returns: Zero to ``longest``, or `nil` when neither says anything.
    static func read(header: String?, message: String?, now: Date) -> Duration? {
        header.flatMap { seconds($0) ?? instant($0).map { bounded($0.timeIntervalSince(now)) } }
            ?? message.flatMap(sentence)
    }

    private static func seconds(_ text: String) -> Duration? {
        let value = Double(text.trimmingCharacters(in: .whitespaces))
        return value.flatMap { $0.isFinite && $0 >= 0 ? bounded($0) : nil }
    }

    private static func bounded(_ seconds: Double) -> Duration {
        min(longest, .milliseconds(Int64(min(max(seconds, 0), 1e9) * 1000)))
    }

    /// Reads the three forms of an HTTP date; all of them are in GMT.
    static func instant(_ text: String) -> Date? {
        let text = text.trimmingCharacters(in: .whitespaces)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        for format in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            formatter.dateFormat = format
            if let date = formatter.date(from: text) { return date }
        }
        return nil
    }

    private static func sentence(_ text: String) -> Duration? {
        guard let match = text.firstMatch(of: /available in ([0-9]{1,9}) second/) else { return nil }
        return Double(match.1).map(bounded)
    }
}
