/// Finds the delimiter from the head of a text, quotes respected.
struct DelimiterSniffer {
    /// The text's first bytes, as UTF-8.
    let head: [UInt8]
    /// The head is the whole text.
    let isWhole: Bool

    /// The header and this many records are looked at.
    private static let sample = 21

    /// What Excel's own first line `sep=;` says, and the length of that line.
    ///
    /// It names the delimiter for all programs that know it, and is no record.
    func declared() -> (delimiter: Delimiter, length: Int)? {
        let isLineEnd = { (byte: UInt8) in byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
        guard let end = head.firstIndex(where: isLineEnd) else { return nil }
        let line = String(decoding: head[..<end], as: UTF8.self)
        guard line.lowercased().hasPrefix("sep="), let delimiter = Delimiter(name: String(line.dropFirst(4))) else {
            return nil
        }
        let isPair = head[end] == UInt8(ascii: "\r") && end + 1 < head.count && head[end + 1] == UInt8(ascii: "\n")
        return (delimiter, end + (isPair ? 2 : 1))
    }

    /// The candidate whose records agree best with their header, then the one with the most columns.
    func best() -> Delimiter {
        let scored = Delimiter.candidates.map { ($0, score($0)) }
        return scored.reduce(scored[0]) { $1.1 > $0.1 ? $1 : $0 }.0
    }

    /// Agreement first, columns second; zero when the header has one column only.
    private func score(_ delimiter: Delimiter) -> (agreement: Double, columns: Int) {
        var scanner = RecordScanner(delimiter: delimiter)
        var start = 0
        var columns = 0
        var records = 0
        var agreeing = 0
        while records < Self.sample, start < head.count,
            case .record(let next) = scanner.scan(head.span, from: start, isFinal: isWhole)
        {
            start = next
            if scanner.cells.count == 1, scanner.cells[0].start == scanner.cells[0].end { continue }
            if records == 0 { columns = scanner.cells.count }
            records += 1
            if scanner.cells.count == columns, !scanner.hasStrayQuote { agreeing += 1 }
        }
        return columns > 1 ? (Double(agreeing) / Double(records), columns) : (0, 0)
    }
}
