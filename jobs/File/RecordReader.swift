/// Reads a text record by record through one buffer, which grows only for a record that does not fit.
struct RecordReader {
    private var source: TextSource
    private var scanner: RecordScanner
    private let limit: Int
    /// The text that is in memory; `cells` point into it.
    private(set) var text: [UInt8] = []
    /// `text[start...]` was not yet given out.
    private var start = 0
    private var isAtEnd = false
    private var nextLine: Int

    /// The physical line, from 1, on which the current record begins.
    private(set) var line = 0
    /// The cells of the current record, as ranges of ``text``.
    private(set) var cells: [CellRange] = []
    var hasStrayQuote: Bool { scanner.hasStrayQuote }
    /// What ended the current record.
    var lineEnd: LineEnd { scanner.lineEnd }
    /// How many records stand above the current one, empty lines among them: its row in a spreadsheet, from 0.
    private(set) var place = -1
    /// How far the file was read, in bytes.
    var offset: Int { source.offset }

    /// - Parameter limit: The longest record in bytes of UTF-8.
    init(_ source: TextSource, delimiter: Delimiter, limit: Int) {
        self.source = source
        self.scanner = RecordScanner(delimiter: delimiter)
        self.limit = limit
        self.nextLine = 1
    }

    /// Goes to the next record. Lines without any character are passed over.
    /// - Returns: `false` at the end of the file.
    /// - Throws: `.unclosedQuote`, `.recordTooLong`, `.wrongEncoding`, `.changedWhileReading` or a read error. Call no
    ///   more then.
    mutating func next() throws(FileError) -> Bool {
        while true {
            line = nextLine
            guard try scanNext() else { return false }
            place += 1
            nextLine += scanner.lineEnds
            cells = scanner.cells
            if cells.count == 1, cells[0].start == cells[0].end { continue }
            for index in cells.indices where cells[index].hasDoubledQuotes { halveQuotes(at: index) }
            return true
        }
    }

    /// Finds the next record, reading on as long as it needs.
    private mutating func scanNext() throws(FileError) -> Bool {
        while true {
            if start == text.count, isAtEnd { return false }
            switch Self.scan(&scanner, text, from: start, isFinal: isAtEnd) {
            case .record(let next):
                if next - start > limit { throw .recordTooLong(line: line, limit: limit) }
                start = next
                return true
            case .unclosedQuote(let lineEnds): throw .unclosedQuote(line: line + lineEnds)
            case .needsMore:
                if text.count - start > limit {
                    // A quote that nobody closed swallows the rest of the file: say so, rather than "too long".
                    if let quote = scanner.openQuote { throw .unclosedQuote(line: line + quote, within: limit) }
                    throw .recordTooLong(line: line, limit: limit)
                }
                try readOn()
            }
        }
    }

    private static func scan(_ scanner: inout RecordScanner, _ text: [UInt8], from start: Int, isFinal: Bool)
        -> RecordScanner.Outcome
    {
        scanner.scan(text.span, from: start, isFinal: isFinal)
    }

    /// Drops what was given out and reads at least as much as is left, so that a long record is not scanned too often.
    private mutating func readOn() throws(FileError) {
        text.removeSubrange(..<start)
        start = 0
        let goal = max(1, text.count * 2)
        while text.count < goal, !isAtEnd {
            isAtEnd = try !source.append(to: &text)
        }
    }

    /// Makes one quote of each pair inside the cell. Its range shrinks; the bytes behind it stay where they are.
    private mutating func halveQuotes(at position: Int) {
        var cell = cells[position]
        var target = cell.start
        var index = cell.start
        while index < cell.end {
            let byte = text[index]
            text[target] = byte
            target += 1
            index += byte == UInt8(ascii: "\"") ? 2 : 1
        }
        cell.end = target
        cell.hasDoubledQuotes = false
        cells[position] = cell
    }
}

extension RecordReader {
    /// Whether the current record's cell at `index` holds white space only, or is not there.
    func isBlank(_ index: Int) -> Bool {
        CellText.isBlank(text.span.extracting(content(index)))
    }

    /// The text of the current record's cell at `index`, without the apostrophe that ``FormulaGuard`` put before it.
    /// Empty when the record is shorter.
    func content(_ index: Int) -> Range<Int> {
        guard index < cells.count else { return 0..<0 }
        let cell = cells[index].start..<cells[index].end
        return cell.lowerBound + FormulaGuard.prefixLength(text.span.extracting(cell))..<cell.upperBound
    }
}
