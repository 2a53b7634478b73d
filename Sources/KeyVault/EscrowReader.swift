import Foundation

/// Reads an escrow file in pieces, as it stood when the reading began. What is appended meanwhile is left out.
package actor EscrowReader {
    package struct Entry: Sendable {
        /// From 1.
        package let number: Int
        /// `nil`: damaged.
        package let line: EscrowLine?
    }

    private static let pieceSize = 262_144

    private let path: String
    private let file: Int32
    private let end: Int64
    private var position: Int64 = 0
    private var number = 0
    private var rest = Data()
    /// Whether the last line has no end: a writer died in the middle of it, or is at it now. Known once all is read.
    package private(set) var isTorn = false

    private nonisolated let thread: BlockingThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// A file that does not exist reads as an empty one.
    /// - Throws: ``VaultError/escrow(path:reason:)``.
    package static func open(_ path: String) async throws -> EscrowReader {
        let (file, end) = try await BlockingThread.run {
            let file = Foundation.open(path, O_RDONLY | O_CLOEXEC)
            if file < 0 && errno == ENOENT { return (file, Int64(0)) }
            guard file >= 0 else { throw VaultError.escrow(path: path, reason: systemMessage(errno)) }
            return (file, Int64(lseek(file, 0, SEEK_END)))
        }
        return EscrowReader(path, file, end)
    }

    private init(_ path: String, _ file: Int32, _ end: Int64) {
        self.path = path
        self.file = file
        self.end = end
        thread = BlockingThread()
    }

    deinit {
        if file >= 0 { close(file) }
    }

    /// The next lines, some hundreds at a time; none at the end. Blank lines are left out.
    package func next() throws -> [Entry] {
        while position < end {
            try readPiece()
            let entries = takeLines()
            if !entries.isEmpty { return entries }
        }
        guard !rest.isEmpty else { return [] }
        isTorn = true
        defer { rest = Data() }
        // The line may be whole all the same, without its line feed: then it counts.
        return [entry(rest)]
    }

    private func readPiece() throws {
        var piece = Data(count: Int(min(Int64(Self.pieceSize), end - position)))
        let count = piece.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, off_t(position)) }
        guard count > 0 else {
            let reason = count == 0 ? "it became shorter while it was read" : systemMessage(errno)
            throw VaultError.escrow(path: path, reason: reason)
        }
        position += Int64(count)
        rest += piece.prefix(count)
    }

    private func takeLines() -> [Entry] {
        guard let last = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        let lines = rest[..<last].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Data(rest[rest.index(after: last)...])
        return lines.compactMap { line in
            guard !line.isEmpty else {
                number += 1
                return nil
            }
            return entry(line)
        }
    }

    private func entry(_ bytes: Data) -> Entry {
        number += 1
        return Entry(number: number, line: EscrowLine(bytes))
    }
}
