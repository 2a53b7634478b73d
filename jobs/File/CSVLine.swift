/// Writes records as RFC 4180 asks: CRLF, and quotes around cells that need them.
package struct CSVLine: Sendable {
    private let delimiter: Delimiter
    private let isRaw: Bool

    /// - Parameter raw: For programs that read the output: cells that a spreadsheet would run as a formula stay as they
    ///   are.
    package init(delimiter: Delimiter = .comma, raw: Bool = false) {
        self.delimiter = delimiter
        self.isRaw = raw
    }

    /// Adds one record to `output`, as UTF-8.
    package func append(_ cells: [String], to output: inout [UInt8]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { output.append(delimiter.byte) }
            append(isRaw ? cell : FormulaGuard.protect(cell), to: &output)
        }
        output.append(UInt8(ascii: "\r"))
        output.append(UInt8(ascii: "\n"))
    }

    private func append(_ cell: String, to output: inout [UInt8]) {
        guard cell.utf8.contains(where: needsQuotes) else { return output.append(contentsOf: cell.utf8) }
        output.append(UInt8(ascii: "\""))
        for byte in cell.utf8 {
            if byte == UInt8(ascii: "\"") { output.append(byte) }
            output.append(byte)
        }
        output.append(UInt8(ascii: "\""))
    }

    private func needsQuotes(_ byte: UInt8) -> Bool {
        byte == delimiter.byte || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }
}
