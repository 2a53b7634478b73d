/// Where one cell stands in the buffer, without its quotes.
struct CellRange {
    var start: Int
    var end: Int
    /// Quotes inside are still doubled.
    var hasDoubledQuotes = false
}

/// What ends a record.
enum LineEnd {
    /// The end of the file.
    case none
    case lineFeed, carriageReturn, both
}

/// Finds the cells of one record in bytes, by RFC 4180: quoted cells may hold delimiters, line ends and doubled quotes.
/// Line ends are CRLF, LF or CR.
struct RecordScanner {
    enum Outcome: Equatable {
        /// The record ends here; the next begins at `next`.
        case record(next: Int)
        /// The bytes end before the record does.
        case needsMore
        /// The file ends inside a quoted cell, after so many line ends of the record.
        case unclosedQuote(lineEnds: Int)
    }

    let delimiter: UInt8
    private(set) var cells: [CellRange] = []
    /// Physical line ends in the record, its own one at the end included.
    private(set) var lineEnds = 0
    /// What ended the record.
    private(set) var lineEnd = LineEnd.none
    /// A quoted cell goes on after its closing quote: its owner forgot to double a quote. The cell then keeps all its
    /// quotes.
    private(set) var hasStrayQuote = false
    /// Where the scan stood in a quoted cell when the bytes ran out, as line ends since the record's start.
    private(set) var openQuote: Int?

    init(delimiter: Delimiter) {
        self.delimiter = delimiter.byte
    }

    /// Scans the record that begins at `start`.
    /// - Parameter isFinal: Nothing comes after `bytes`.
    mutating func scan(_ bytes: Span<UInt8>, from start: Int, isFinal: Bool) -> Outcome {
        cells.removeAll(keepingCapacity: true)
        lineEnds = 0
        lineEnd = .none
        hasStrayQuote = false
        openQuote = nil
        var index = start
        while true {
            // `a, "b"`: people who type CSV put a space between the delimiter and the quote.
            var first = index
            while first < bytes.count, bytes[first] == UInt8(ascii: " ") { first += 1 }
            let isQuoted = first < bytes.count && bytes[first] == quote
            guard let end = isQuoted ? quotedCell(bytes, first) : plainCell(bytes, first, from: index) else {
                if isFinal, let openQuote { return .unclosedQuote(lineEnds: openQuote) }
                return .needsMore
            }
            if end == bytes.count { return isFinal ? .record(next: end) : .needsMore }
            if bytes[end] == delimiter {
                index = end + 1
                continue
            }
            lineEnds += 1
            lineEnd = bytes[end] == lineFeed ? .lineFeed : .carriageReturn
            if lineEnd == .lineFeed { return .record(next: end + 1) }
            // A return: the line feed that may follow belongs to it.
            if end + 1 == bytes.count { return isFinal ? .record(next: end + 1) : .needsMore }
            if bytes[end + 1] == lineFeed { lineEnd = .both }
            return .record(next: lineEnd == .both ? end + 2 : end + 1)
        }
    }

    /// Adds the cell whose text begins at `start`, read from `index`.
    /// - Returns: Where the cell's delimiter or line end stands, or the count of bytes.
    private mutating func plainCell(_ bytes: Span<UInt8>, _ index: Int, from start: Int) -> Int? {
        var end = index
        while end < bytes.count {
            let byte = bytes[end]
            if byte == delimiter || byte == lineFeed || byte == carriageReturn { break }
            end += 1
        }
        cells.append(CellRange(start: start, end: end))
        return end
    }

    /// Adds the cell whose opening quote stands at `open`.
    /// - Returns: As ``plainCell(_:_:from:)``; `nil` when the bytes end before the closing quote is sure.
    private mutating func quotedCell(_ bytes: Span<UInt8>, _ open: Int) -> Int? {
        openQuote = lineEnds
        var cell = CellRange(start: open + 1, end: open + 1)
        var index = open + 1
        while index < bytes.count {
            let byte = bytes[index]
            // What follows decides what a quote or a return is. At the end of the bytes that is not known yet, and does
            // not matter: the record is then scanned again with more of them.
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            if byte == quote {
                if next != quote { break }
                cell.hasDoubledQuotes = true
                index += 1
            } else if byte == lineFeed || byte == carriageReturn && next != lineFeed {
                lineEnds += 1
            }
            index += 1
        }
        if index >= bytes.count { return nil }
        openQuote = nil
        cell.end = index
        return closedCell(bytes, cell, open)
    }

    /// Ends a quoted cell whose closing quote stands at `cell.end`.
    private mutating func closedCell(_ bytes: Span<UInt8>, _ cell: CellRange, _ open: Int) -> Int? {
        var after = cell.end + 1
        while after < bytes.count, bytes[after] == UInt8(ascii: " ") { after += 1 }
        if after < bytes.count, bytes[after] != delimiter, bytes[after] != lineFeed, bytes[after] != carriageReturn {
            hasStrayQuote = true
            return plainCell(bytes, after, from: open)
        }
        cells.append(cell)
        return after
    }
}

private let quote = UInt8(ascii: "\"")
private let lineFeed = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
