import Foundation

/// A file that only its owner and its group may read.
enum PrivateFile {
    static let largest = 65_536

    /// - Throws: ``VaultError/kekFile(path:reason:)``: not readable, not a plain file, open to more than its owner and its
    ///   group's reading, of another owner than root and ourselves, or over 64 KiB.
    static func read(_ path: String) throws -> SecretBytes {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            let code = errno
            // What leads nowhere is not quoted: it may be the key itself, put where its file belongs.
            let leadsNowhere = [ENOENT, ENOTDIR, ENAMETOOLONG].contains(code)
            throw VaultError.kekFile(path: leadsNowhere ? "that is named" : path, reason: systemMessage(code))
        }
        defer { close(file) }
        // What was opened is asked, not the path, which may name another file by now.
        var status = stat()
        guard fstat(file, &status) == 0 else { throw VaultError.kekFile(path: path, reason: systemMessage(errno)) }
        if let reason = refusal(status) { throw VaultError.kekFile(path: path, reason: reason) }
        return try SecretBytes(count: Int(status.st_size)) { buffer in
            var filled = 0
            while filled < buffer.count {
                let count = Foundation.read(file, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
                guard count > 0 else {
                    let reason = count == 0 ? "it became shorter while it was read" : systemMessage(errno)
                    throw VaultError.kekFile(path: path, reason: reason)
                }
                filled += count
            }
        }
    }

    private static func refusal(_ status: stat) -> String? {
        guard status.st_mode & S_IFMT == S_IFREG else { return "it is not a plain file" }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            return "it belongs to user \(status.st_uid); give it to root or to the worker's user \(geteuid())"
        }
        // The group may read, nothing more; others nothing.
        guard status.st_mode & 0o037 == 0 else {
            return "its mode is \(String(status.st_mode & 0o7777, radix: 8)); run chmod 0400 on it"
        }
        guard status.st_size > 0 else { return "it is empty" }
        guard status.st_size <= Int64(largest) else { return "it has over \(largest) bytes" }
        return nil
    }
}

/// The system's words for an error number, with the number.
func systemMessage(_ code: Int32) -> String {
    "\(String(cString: strerror(code))) (errno \(code))"
}
