import Foundation

/// The lines of a result file: the columns of the input and what became of each row.
///
/// Where no file is wanted; ``ResultWriter`` writes the same to disk.
package struct ResultText: Sendable {
    private let columns: [String]
    private let line: CSVLine

    /// - Parameters:
    ///   - delimiter: As ``BulkRun/delimiter`` names it.
    ///   - raw: As in ``CSVLine``.
    package init(columns: [String], delimiter: String, raw: Bool) {
        self.columns = columns
        line = CSVLine(delimiter: Delimiter(name: delimiter) ?? .semicolon, raw: raw)
    }

    /// The header line, as UTF-8.
    package var header: [UInt8] {
        var bytes: [UInt8] = []
        line.append(columns + ColumnMapping.resultColumns, to: &bytes)
        return bytes
    }

    /// Adds the line of one row to `output`.
    package func append(_ row: BulkRow, to output: inout [UInt8]) {
        var record = Array(row.cells.prefix(columns.count))
        record += Array(repeating: "", count: columns.count - record.count)
        record += [
            String(row.line), row.state.rawValue, row.uid ?? "", row.errorCode ?? "", row.error ?? "",
            row.candidates.joined(separator: " "),
        ]
        // Cells beyond the columns go behind ours, as in the file.
        record += row.cells.dropFirst(columns.count)
        line.append(record, to: &output)
    }
}
