import Foundation
import KeyVault

/// A row of a file on its way into `factpulse.bulk_rows`.
package struct FileRow: Sendable {
    package let row: Int
    package let line: Int
    package let state: BulkRowState
    package let siret: String?
    package let name: String?
    /// As ``BulkOperation/fields(_:)`` has them.
    package let fields: [String: String?]
    /// The client that a valid row names, or became when it was imported before.
    package let uid: String?
    /// What must go into the vault, and nowhere else.
    package let secret: SecretBytes?
    package let cells: [String]
    package let errorCode: String?
    package let error: String?
}

/// What a file alone says about a bulk run: nothing was sent and nothing was written to learn it.
package struct FileReport: Sendable {
    /// `staged` rows are the valid ones.
    package var counts = BulkCounts()
    package var summary = IssueSummary()
    /// The first issues, in the order of the file, at most ``issueLimit``.
    package var issues: [RowIssue] = []
    package var blankRecords = 0
    /// Rows whose SIRET was repaired, as `--fix` allows.
    package var fixed = 0
    /// As ``RowCursor/unusedSirets``.
    package var unusedSirets: String?

    package static let issueLimit = 10_000
}

/// The rows of one file, read and judged on a thread of their own.
package actor BulkFile {
    package nonisolated let file: RowFile
    private let operation: BulkOperation
    private nonisolated let thread = FileThread()
    private var cursor: RowCursor?
    /// `nil` before the first check.
    private var findings: RowFindings?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private init(_ file: RowFile, _ operation: BulkOperation) {
        self.file = file
        self.operation = operation
    }

    /// Opens a file and finds out how it is written.
    /// - Throws: ``FileError``.
    package static func open(path: String, operation: BulkOperation, options: FileOptions) async throws -> BulkFile {
        let thread = FileThread()
        let opener = Opener(thread)
        return BulkFile(try await opener.open(path, operation, options), operation)
    }

    /// SHA-256 of the file, in hexadecimal.
    package func digest(path: String) throws -> String {
        try FileDigest.sha256(path: path)
    }

    /// Judges every row.
    /// - Parameter progress: Told now and then how much of the file was read, 0 to 1.
    package func check(progress: @Sendable (_ rows: Int, _ part: Double) -> Void) throws -> FileReport {
        let (report, findings) = try file.settle { try judge($0, progress) }
        guard report.counts.rows > 0 else { throw FileError.noRows(header: file.format.columns) }
        self.findings = findings
        return report
    }

    private func judge(_ cursor: RowCursor, _ progress: (Int, Double) -> Void) throws -> FileReport {
        var report = FileReport()
        while try cursor.next() {
            if !cursor.issues.isEmpty, report.issues.count < FileReport.issueLimit {
                report.issues += cursor.issues.prefix(FileReport.issueLimit - report.issues.count)
            }
            if !cursor.fixed.isEmpty { report.fixed += 1 }
            if cursor.number % 65_536 == 0 { progress(cursor.number, cursor.progress) }
        }
        report.counts[.staged] = cursor.counts[.valid] ?? 0
        report.counts[.rejected] = cursor.counts[.rejected] ?? 0
        report.counts[.duplicate] = cursor.counts[.duplicate] ?? 0
        report.summary = cursor.summary
        report.blankRecords = cursor.blankRecords
        report.unusedSirets = cursor.unusedSirets
        return report
    }

    /// Lets ``next(_:)`` begin with the first row again. Whoever reads all rows says so first: he may not be the only one.
    package func rewind() {
        cursor = nil
    }

    /// The next rows, at most `limit`; empty at the end. The first call starts at the first row.
    package func next(_ limit: Int) throws -> [FileRow] {
        let cursor: RowCursor
        if let open = self.cursor {
            cursor = open
        } else {
            // Whether a row repeats another, or is whole, may be known at the end of the file only.
            if findings == nil { _ = try check { _, _ in } }
            cursor = try file.rows(findings)
            self.cursor = cursor
        }
        var rows: [FileRow] = []
        while rows.count < limit, try cursor.next() {
            rows.append(row(cursor))
        }
        return rows
    }

    private func row(_ cursor: RowCursor) -> FileRow {
        let state: BulkRowState =
            switch cursor.verdict {
            case .valid: .staged
            case .rejected: .rejected
            case .duplicate: .duplicate
            }
        let isValid = cursor.verdict == .valid
        return FileRow(
            row: cursor.number,
            line: cursor.line,
            state: state,
            siret: isValid ? operation.siret(cursor) : nil,
            name: isValid && operation == .createClients ? cursor.value(of: "name") : nil,
            fields: isValid ? operation.fields(cursor) : [:],
            uid: isValid ? cursor.value(of: "uid") ?? cursor.uid?.uuidString : nil,
            secret: isValid && operation.schema.hasSecrets ? Self.secret(cursor) : nil,
            cells: cursor.cells(),
            errorCode: isValid ? nil : cursor.issues.map(\.code.rawValue).joined(separator: " "),
            error: isValid ? nil : cursor.issues.map(\.message).joined(separator: " ")
        )
    }

    private static func secret(_ cursor: RowCursor) -> SecretBytes? {
        cursor.value(of: FieldSpec.clientSecret.name).map { SecretBytes(Data($0.utf8)) }
    }
}

/// Opens files on the file thread.
private actor Opener {
    private nonisolated let thread: FileThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(_ thread: FileThread) {
        self.thread = thread
    }

    func open(_ path: String, _ operation: BulkOperation, _ options: FileOptions) throws -> RowFile {
        try RowFile.open(path: path, schema: operation.schema, options: options)
    }
}
