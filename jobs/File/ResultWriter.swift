#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// What became of one row.
package struct RowResult: Sendable, Hashable {
    package var line: Int
    package var status: String
    package var uid: String?
    package var code: String?
    package var error: String?
    /// Uids of the clients that a person has to choose from.
    package var candidates: [String]

    package init(
        line: Int,
        status: String,
        uid: String? = nil,
        code: String? = nil,
        error: String? = nil,
        candidates: [String] = []
    ) {
        self.line = line
        self.status = status
        self.uid = uid
        self.code = code
        self.error = error
        self.candidates = candidates
    }
}

/// Writes the result file: the columns of the input and what became of each row, fit to be mended and imported again.
///
/// The file appears under its name only at ``finish()``, whole and on disk; until then it is `PATH.part`, and goes away
/// with the writer. Blocks the thread.
package final class ResultWriter {
    private let path: String
    private let descriptor: Int32
    private let columns: Int
    private let line: CSVLine
    private var buffer: [UInt8]
    private var isFinished = false

    private var partPath: String { path + ".part" }

    /// - Parameters:
    ///   - columns: ``CSVFormat/columns`` of the input.
    ///   - delimiter: That of the input, so that the same Excel opens both.
    ///   - raw: As in ``CSVLine``.
    /// - Throws: `.noPlace` or `.cannotWrite`; nothing was written then.
    package init(path: String, columns: [String], delimiter: Delimiter, raw: Bool = false) throws(FileError) {
        // Renaming over a link would leave its file as it was.
        let path = FilePlace.target(of: path)
        let descriptor = open(path + ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error() }
        // The new file is open to whom the old one was.
        var status = stat()
        if stat(path, &status) == 0 { fchmod(descriptor, status.st_mode & 0o777) }
        self.path = path
        self.descriptor = descriptor
        self.columns = columns.count
        self.line = CSVLine(delimiter: delimiter, raw: raw)
        // Without the mark, Excel takes UTF-8 for Windows-1252.
        self.buffer = TextEncoding.utf8.mark
        line.append(columns + ColumnMapping.resultColumns, to: &buffer)
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(partPath) }
    }

    /// Adds one row.
    /// - Parameter cells: ``RowCursor/cells()``. Cells beyond the columns go behind ours, so that the row stays refused
    ///   until somebody mends it.
    /// - Throws: `.cannotWrite`, for example when the disk is full. Call no more then.
    package func append(_ cells: [String], _ result: RowResult) throws(FileError) {
        var record = Array(cells.prefix(columns))
        record += Array(repeating: "", count: columns - record.count)
        record += [
            String(result.line), result.status, result.uid ?? "", result.code ?? "", result.error ?? "",
            result.candidates.joined(separator: " "),
        ]
        record += cells.dropFirst(columns)
        line.append(record, to: &buffer)
        if buffer.count >= 1 << 16 { try flush() }
    }

    /// Puts the file on disk and gives it its name, replacing an older one.
    package func finish() throws(FileError) {
        try flush()
        guard fsync(descriptor) == 0, rename(partPath, path) == 0 else { throw Self.error() }
        isFinished = true
    }

    private func flush() throws(FileError) {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw Self.error()
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func error() -> FileError {
        let reason = String(cString: strerror(errno))
        return switch errno {
        case ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, EROFS, ENAMETOOLONG, ELOOP: .noPlace(reason: reason)
        default: .cannotWrite(reason: reason)
        }
    }
}
