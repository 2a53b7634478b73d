import Foundation

/// How long a server asked to be left alone.
enum RetryAfter {
    /// No server is believed for longer than this: one that says "next year" would stop the whole fleet.
    static let longest: Duration = .seconds(3600)

    /// Reads the `Retry-After` header (seconds, or an HTTP date), else Django's text "available in N seconds".
    /// - Returns: More than zero, at most ``longest``; `nil` when neither says anything, or no time from now on.
    static func read(header: String?, message: String?, now: Date) -> Duration? {
        let wait =
            header.flatMap { seconds($0) ?? HTTPDate.read($0).map { bounded($0.timeIntervalSince(now)) } }
            ?? message.flatMap(sentence)
        // Whoever says "at once" while it throttles has to be spared all the same.
        return wait.flatMap { $0 > .zero ? $0 : nil }
    }

    private static func seconds(_ text: String) -> Duration? {
        let value = Double(text.trimmingCharacters(in: .whitespaces))
        return value.flatMap { $0.isFinite && $0 >= 0 ? bounded($0) : nil }
    }

    private static func bounded(_ seconds: Double) -> Duration {
        min(longest, .milliseconds(Int64(min(max(seconds, 0), 1e9) * 1000)))
    }

    private static func sentence(_ text: String) -> Duration? {
        guard let match = text.firstMatch(of: /available in ([0-9]{1,9}) second/) else { return nil }
        return Double(match.1).map(bounded)
    }
}
