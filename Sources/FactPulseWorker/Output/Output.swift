import Foundation

/// The reader of standard output has left, as `head` does once it has enough.
struct OutputClosed: Error {}

/// Standard output: data, and nothing else.
enum Output {
    static let isTerminal = isatty(STDOUT_FILENO) == 1

    /// Bold and colour: on a terminal, unless NO_COLOR is set.
    static let isColored =
        isTerminal && ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    static func print(_ text: String) throws {
        try write(Array((text + "\n").utf8))
    }

    /// - Throws: ``OutputClosed``; ``Failure`` when the disk is full.
    static func write(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.write(STDOUT_FILENO, $0.baseAddress! + done, $0.count - done)
            }
            if count >= 0 {
                done += count
            } else if errno == EPIPE {
                throw OutputClosed()
            } else if errno != EINTR {
                let reason = String(cString: strerror(errno))
                throw Failure(
                    .tryLater,
                    "standard output cannot be written (\(reason)): free some space and run the command again"
                )
            }
        }
    }

    /// Prints one JSON object on one line.
    static func json(_ value: some Encodable) throws {
        try print(try JSONText.encode(value))
    }

    static func bold(_ text: String) -> String {
        isColored ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }
}
