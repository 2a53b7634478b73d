#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A result file that is written on a thread of its own. It appears under its name, whole, at ``finish()``.
package actor ResultFile {
    private nonisolated let thread = FileThread()
    private var writer: ResultWriter?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init() {}

    /// - Parameter delimiter: As ``BulkRun/delimiter`` names it.
    /// - Throws: ``FileError``; nothing was written then. A device or a pipe is refused: finishing would replace it.
    ///   Who reads a file meanwhile asks ``FilePlace/isSame(_:_:)`` first.
    package func open(path: String, columns: [String], delimiter: String, raw: Bool = false) throws {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw FileError.noPlace(
                reason: status.st_mode & S_IFMT == S_IFDIR ? "it is a folder" : "it is not a plain file"
            )
        }
        writer = try ResultWriter(
            path: path,
            columns: columns,
            delimiter: Delimiter(name: delimiter) ?? .semicolon,
            raw: raw
        )
    }

    package func append(_ rows: [BulkRow]) throws {
        for row in rows {
            try writer?.append(
                row.cells,
                RowResult(
                    line: row.line,
                    status: row.state.rawValue,
                    uid: row.uid,
                    code: row.errorCode,
                    error: row.error,
                    candidates: row.candidates
                )
            )
        }
    }

    /// Adds those rows of a file that cannot be sent.
    package func append(refused rows: [FileRow]) throws {
        for row in rows where row.errorCode != nil {
            try writer?.append(
                row.cells,
                RowResult(line: row.line, status: row.state.rawValue, code: row.errorCode, error: row.error)
            )
        }
    }

    package func finish() throws {
        try writer?.finish()
        writer = nil
    }
}
