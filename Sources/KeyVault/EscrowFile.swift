import Foundation
import Postgres

/// The second place where every key is safe: a file that is only ever added to, one line a secret. It survives what the
/// database does not: a restore to last week, a failover that forgot a commit.
///
/// Any number of processes on one machine may append at once. Put it on another disk than the database, and back it up.
package actor EscrowFile {
    package nonisolated let path: String
    /// How long an append waits for the other processes.
    private let patience: Duration
    private nonisolated let thread = BlockingThread()
    /// The file whose entry in the folder is known to be on disk.
    private var settled: FileIdentity?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init(path: String, patience: Duration = .seconds(10)) {
        self.path = path
        self.patience = patience
    }

    /// Adds lines at the end, in one write. When this returns they are on disk.
    ///
    /// - Throws: ``VaultError/escrow(path:reason:)``. Any part of the lines may be there then, so a key in them may not be
    ///   sent; to append them again is always safe.
    package func append(_ lines: [EscrowLine]) throws {
        guard !lines.isEmpty else { return }
        let text = try lines.reduce(into: Data()) { $0 += try $1.encoded() }
        // Opened each time: the file may have been moved away or restored since.
        let file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("open") }
        defer { close(file) }
        try lock(file)
        try write((endsInLineFeed(file) ? Data() : Data([UInt8(ascii: "\n")])) + text, to: file)
        CrashPoint.reached("escrow-before-fsync")
        guard fsync(file) == 0 else { throw failure("fsync") }
        try settle(file)
        CrashPoint.reached("escrow-synced")
    }

    /// Held until the file is closed. Asked for again and again, because a plain `flock` would wait for ever for a process
    /// that was stopped while it held the lock.
    private func lock(_ file: Int32) throws {
        let deadline = ContinuousClock.now + patience
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw failure("flock") }
            guard ContinuousClock.now < deadline else {
                throw VaultError.escrow(path: path, reason: "another process has held its lock for \(patience)")
            }
            usleep(2000)
        }
    }

    /// `false` when a writer died in the middle of its line. That line was never promised to anybody; ours must not
    /// become a part of it.
    private func endsInLineFeed(_ file: Int32) throws -> Bool {
        let size = lseek(file, 0, SEEK_END)
        guard size >= 0 else { throw failure("lseek") }
        guard size > 0 else { return true }
        var last: UInt8 = 0
        guard pread(file, &last, 1, size - 1) == 1 else { throw failure("read") }
        return last == UInt8(ascii: "\n")
    }

    private func write(_ data: Data, to file: Int32) throws {
        let written = data.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
        guard written >= 0 else { throw failure("write") }
        // What was written stays as a torn line, for nothing here is ever taken back.
        guard written == data.count else { throw VaultError.escrow(path: path, reason: "the disk is full") }
    }

    /// Makes the file's name durable, once a file and process: whoever created it may have died before.
    private func settle(_ file: Int32) throws {
        let identity = try FileIdentity(file, failure)
        guard identity != settled else { return }
        let folder = open(URL(filePath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw failure("open its folder") }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw failure("fsync its folder") }
        settled = identity
    }

    private func failure(_ call: String) -> VaultError {
        .escrow(path: path, reason: "\(call): \(systemMessage(errno))")
    }
}

private struct FileIdentity: Equatable {
    let device: UInt64
    let number: UInt64

    init(_ file: Int32, _ failure: (String) -> VaultError) throws {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("stat") }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}
