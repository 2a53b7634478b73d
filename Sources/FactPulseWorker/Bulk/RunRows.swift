import Foundation
import Jobs

/// The rows of a run, read page by page: a long run stays in the database.
struct RunRows {
    private static let page = 1_000

    let store: BulkStore
    let run: BulkRun
    var state: BulkRowState?
    /// Cells that a spreadsheet would run as a formula stay as they are.
    var raw = false

    init(store: BulkStore, run: BulkRun, state: BulkRowState? = nil, raw: Bool = false) {
        self.store = store
        self.run = run
        self.state = state
        self.raw = raw
    }

    /// Writes the result file, which appears whole or not at all.
    func write(to path: String) async throws {
        let file = ResultFile()
        do {
            try await file.open(path: path, columns: run.columns, delimiter: run.delimiter, raw: raw)
            try await forEachPage { try await file.append($0) }
            try await file.finish()
        } catch let error as FileError {
            throw Failure(error, path: path)
        }
    }

    func printCSV() async throws {
        let text = ResultText(columns: run.columns, delimiter: run.delimiter, raw: raw)
        try Output.data(text.header)
        try await forEachPage { rows in
            var bytes: [UInt8] = []
            for row in rows { text.append(row, to: &bytes) }
            try Output.data(bytes)
        }
    }

    /// One JSON object, the rows one a line.
    func printJSON() async throws {
        let columns = try JSONText.encode(run.columns)
        try Output.print(#"{"schema_version":1,"run":\#(run.id),"columns":\#(columns),"rows":["#)
        var isFirst = true
        try await forEachPage { rows in
            var lines: [String] = []
            for row in rows {
                lines.append((isFirst ? "" : ",") + (try JSONText.encode(Answer(row))))
                isFirst = false
            }
            try Output.print(lines.joined(separator: "\n"))
        }
        try Output.print("]}")
    }

    private struct Answer: Encodable {
        let row: Int64
        let line: Int
        let state: String
        let uid: String?
        let adopted: Bool
        let candidates: [String]
        let errorCode: String?
        let error: String?
        let cells: [String]

        init(_ row: BulkRow) {
            self.row = row.row
            line = row.line
            state = row.state.rawValue
            uid = row.uid
            adopted = row.adopted
            candidates = row.candidates
            errorCode = row.errorCode
            error = row.error
            cells = row.cells
        }
    }

    private func forEachPage(_ body: ([BulkRow]) async throws -> Void) async throws {
        var last: Int64 = 0
        while true {
            let rows = try await store.rows(of: run.id, state: state, after: last, limit: Self.page)
            guard let end = rows.last else { return }
            try await body(rows)
            last = end.row
        }
    }
}
