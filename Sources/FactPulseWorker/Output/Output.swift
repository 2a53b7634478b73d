import Foundation
import Synchronization

/// The reader of standard output has left, as `head` does once it has enough.
struct OutputClosed: Error {}

/// Standard output: data, and nothing else.
enum Output {
    static let isTerminal = isatty(STDOUT_FILENO) == 1

    /// Bold and colour: on a terminal, unless NO_COLOR is set.
    static let isColored =
        isTerminal && ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    private static let begun = Atomic(false)
    /// Whether something was printed, or tried to be.
    static var hasBegun: Bool { begun.load(ordering: .relaxed) }

    static func print(_ text: String) throws {
        try write(Array((text + "\n").utf8))
    }

    /// - Throws: ``OutputClosed``; ``Failure`` when the disk is full.
    static func write(_ bytes: [UInt8]) throws {
        begun.store(true, ordering: .relaxed)
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

    /// Prints data as they are; on a terminal, what would turn the text around or control it is shown as `\u{…}`.
    static func data(_ bytes: [UInt8]) throws {
        guard isTerminal else { return try write(bytes) }
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.reduce(into: "") { text, scalar in
            let isKept = scalar == "\r" || scalar == "\n" || scalar == "\t" || !String.isUnseen(scalar)
            text += isKept ? String(scalar) : String.spelled(scalar)
        }
        try write(Array(text.utf8))
    }

    /// Prints one JSON object on one line.
    static func json(_ value: some Encodable) throws {
        try print(try JSONText.encode(value))
    }

    static func bold(_ text: String) -> String {
        isColored ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }
}
