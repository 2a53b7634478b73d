import Jobs

/// A file whose every row was judged. Nothing was sent or written to learn it.
struct CheckedFile: Sendable {
    let path: String
    let file: BulkFile
    let report: FileReport

    /// - Throws: ``Failure`` that names the file.
    static func check(
        path: String,
        operation: BulkOperation,
        options: FileOptions,
        isSilent: Bool
    ) async throws -> CheckedFile {
        do {
            let file = try await BulkFile.open(path: path, operation: operation, options: options)
            let line = ProgressLine("Checking", counting: "rows", isSilent: isSilent)
            let report = try await file.check { line.show($0, part: $1) }
            line.clear()
            return CheckedFile(path: path, file: file, report: report)
        } catch let error as FileError {
            throw Failure(error, path: path)
        }
    }

    /// Writes the rows that cannot be sent, each with what is wrong with it, fit to be mended and imported.
    func writeRefused(to target: String) async throws {
        let format = file.file.format
        let result = ResultFile()
        do {
            try await result.open(path: target, columns: format.columns, delimiter: format.delimiter.name)
        } catch let error as FileError {
            throw Failure(error, path: target)
        }
        await file.rewind()
        while true {
            let rows: [FileRow]
            do { rows = try await file.next(1_000) } catch let error as FileError { throw Failure(error, path: path) }
            if rows.isEmpty { break }
            do { try await result.append(refused: rows) } catch let error as FileError {
                throw Failure(error, path: target)
            }
        }
        do { try await result.finish() } catch let error as FileError { throw Failure(error, path: target) }
    }
}
