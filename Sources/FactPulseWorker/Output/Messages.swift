import Foundation

/// Standard error: what is said to people, one line at a time.
enum Messages {
    /// Whether somebody watches, so that a line may be drawn again.
    static let isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    static func write(_ line: String) {
        writeRaw(line + "\n")
    }

    /// In one call to the system, so that lines of several tasks do not mix. Nobody can be told when it fails.
    static func writeRaw(_ text: String) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.write(STDERR_FILENO, $0.baseAddress! + done, $0.count - done)
            }
            if count < 0, errno != EINTR { return }
            done += max(0, count)
        }
    }
}
