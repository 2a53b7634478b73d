import Foundation

/// Finds rows that are not whole: those with fewer cells than the header, and those that a line break inside a cell has cut
/// in pieces. The pieces look like rows, and the first or last of them may look like a good one: another client's name.
///
/// Excel leaves cells off as well, where they are empty in all of 16 rows: it writes the rows of a sheet in such blocks, each
/// as wide as its widest row. So short rows are believed where 16 or more of one width follow each other, or the last rows
/// of the file do from the start of a block on.
struct RowShapes: Sendable {
    /// Rows with fewer cells than the header, by their number.
    private(set) var short = IndexSet()
    /// Rows that are a piece of another one, or most likely so.
    private(set) var cut = IndexSet()

    private static let block = 16

    private let width: Int
    private let lineEnd: LineEnd
    /// The row before, and whether its line ends unlike the header's.
    private var last: (row: Int, cells: Int, endsOddly: Bool)?
    private var run: Run?

    /// Short rows of one width, without any other between them.
    private struct Run {
        var rows: ClosedRange<Int>
        let cells: Int
        /// The row of the spreadsheet on which it begins, from 0.
        let place: Int
        /// The whole row just above.
        let above: Int?
    }

    /// - Parameters:
    ///   - width: The cells of the header.
    ///   - lineEnd: That of the header.
    init(width: Int, lineEnd: LineEnd) {
        self.width = width
        self.lineEnd = lineEnd
    }

    var isClean: Bool { short.isEmpty && cut.isEmpty }

    /// Takes the next row of the file.
    /// - Parameter place: ``RecordReader/place``.
    mutating func note(row: Int, place: Int, cells: Int, lineEnd: LineEnd) {
        // Two whole rows are no pieces of one, unless rows have one cell: such a file was put together from two.
        if let last, last.endsOddly, width == 1 || min(last.cells, cells) < width {
            cut.insert(last.row)
            cut.insert(row)
        }
        if let run, run.cells != cells, end(run, isLast: false), cells >= width { cut.insert(row) }
        if cells >= width {
            run = nil
        } else if let run, run.cells == cells {
            self.run?.rows = run.rows.lowerBound...row
        } else {
            let above = last.flatMap { $0.cells >= width ? $0.row : nil }
            run = Run(rows: row...row, cells: cells, place: place, above: above)
        }
        last = (row, cells, lineEnd != self.lineEnd && lineEnd != .none)
    }

    /// To be called at the end of the file.
    mutating func finish() {
        if let run { _ = end(run, isLast: true) }
        run = nil
    }

    /// - Returns: Whether a whole row next to these may be a piece: a break leaves one cell alone on one side of itself.
    private mutating func end(_ run: Run, isLast: Bool) -> Bool {
        let isBlock = isLast && run.rows.count > 1 && run.place % Self.block == 0
        if run.rows.count >= Self.block || isBlock { return false }
        short.insert(integersIn: run.rows)
        // Where an odd line end has told which rows are pieces, their neighbours are none.
        guard run.cells == 1, !cut.intersects(integersIn: run.rows) else { return false }
        if let above = run.above { cut.insert(above) }
        return true
    }
}
