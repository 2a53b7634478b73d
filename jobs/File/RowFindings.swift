/// What only a pass over the whole file can tell about its rows.
struct RowFindings: Sendable {
    let shapes: RowShapes
    /// As ``RowCursor/namesTaken()`` found it.
    var taken: RowKeys.Taken = [:]
}

extension RowFile {
    /// Judges the rows in as many passes as it takes to know all that their verdicts depend on: one for most files.
    /// - Parameters:
    ///   - chunk: As ``TextSource`` takes it.
    ///   - judge: Reads all rows of a cursor. What its last call makes is right.
    func settle<Report>(chunk: Int = 1 << 16, _ judge: (RowCursor) throws -> Report) throws -> (Report, RowFindings) {
        var (report, found) = try pass(nil, chunk, judge)
        if !found.shapes.isClean { (report, found) = try pass(found, chunk, judge) }
        if !found.taken.isEmpty { (report, _) = try pass(found, chunk, judge) }
        return (report, found)
    }

    /// A function of its own, for a cursor needs much memory for the duplicates and must be gone before the next one.
    private func pass<Report>(_ known: RowFindings?, _ chunk: Int, _ judge: (RowCursor) throws -> Report) throws
        -> (Report, RowFindings)
    {
        let cursor = try RowCursor(self, known: known, chunk: chunk)
        let report = try judge(cursor)
        var found = known ?? RowFindings(shapes: cursor.shapes)
        // A piece of a row claims no name, so that must be known first.
        if found.taken.isEmpty, known != nil || found.shapes.isClean { found.taken = try cursor.namesTaken() }
        return (report, found)
    }
}
