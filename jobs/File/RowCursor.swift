import Foundation

/// What the file alone says about a row.
package enum RowVerdict: String, Sendable, Hashable {
    case valid, rejected, duplicate
}

/// Reads the rows of a file one after the other and judges each. Its properties describe the current row.
///
/// Values are strings only when asked for: a good row that nobody looks at costs no allocation. Blocks the thread.
package final class RowCursor {
    /// How many rows had which verdict so far.
    package private(set) var counts: [RowVerdict: Int] = [:]
    /// All issues so far, by code.
    package private(set) var summary = IssueSummary()
    /// Records whose cells are all blank, as Excel leaves them below a table. They are no rows.
    package private(set) var blankRecords = 0

    /// The number of the current row, from 1. Blank records do not count.
    package private(set) var number = 0
    /// The physical line on which the row begins, from 1.
    package var line: Int { records.line }
    package private(set) var verdict: RowVerdict = .valid
    /// Everything that is wrong with the row. For a duplicate, the one issue that names the other line.
    package private(set) var issues: [RowIssue] = []

    let file: RowFile
    private let ownPlaces: [Int]
    private let keptPlaces: Set<Int>
    private let uidPlace: Int?
    private var records: RecordReader
    private var keys: RowKeys
    private var values: [FieldValue]
    private let known: RowFindings?
    /// Which rows are not whole, as far as the file was read; known only at its end, so that the next pass can say so.
    private(set) var shapes: RowShapes
    private var unused: UnusedSirets

    /// - Parameters:
    ///   - known: What earlier passes over the same file found out.
    ///   - chunk: As ``TextSource`` takes it.
    init(_ file: RowFile, known: RowFindings? = nil, chunk: Int = 1 << 16) throws(FileError) {
        self.file = file
        self.known = known
        self.ownPlaces = file.mapping.ownPlaces
        self.keptPlaces = Set(file.keptPlaces)
        self.uidPlace = file.mapping.uidPlace
        self.records = try file.records(chunk: chunk)
        self.keys = RowKeys(file.schema, options: file.options, taken: known?.taken ?? [:])
        self.values = Array(repeating: FieldValue(), count: file.schema.fields.count)
        self.unused = UnusedSirets(file)
        self.shapes = RowShapes(width: 0, lineEnd: .none)
        _ = try records.next()  // the header
        self.shapes = RowShapes(width: file.mapping.header.count, lineEnd: records.lineEnd)
    }

    /// How much of the file was read, 0 to 1.
    package var progress: Double {
        file.size == 0 ? 1 : Double(records.offset) / Double(file.size)
    }

    /// Goes to the next row.
    /// - Returns: `false` at the end of the file.
    /// - Throws: ``FileError`` where the file itself breaks off; no row after it can be trusted.
    package func next() throws(FileError) -> Bool {
        while try records.next() {
            if isBlank {
                blankRecords += 1
                continue
            }
            judge()
            return true
        }
        shapes.finish()
        return false
    }

    /// The column that feeds no field though most of its cells are SIRETs, as `--map` takes it; `nil` when there is none, or
    /// another column is the SIRET's.
    package var unusedSirets: String? { unused.column }

    /// The cleaned value of a field; `nil` when its cell is blank or the file has no such column. Of a rejected row, it
    /// is what could be read.
    package func value(of field: String) -> String? {
        guard let index = file.schema.fields.firstIndex(where: { $0.name == field }) else { return nil }
        return values[index].bytes.isEmpty ? nil : String(decoding: values[index].bytes, as: UTF8.self)
    }

    /// The client that this row became when it was imported before, as its result file says; `nil` for what is no UUID.
    package var uid: UUID? {
        guard let uidPlace else { return nil }
        let text = String(decoding: records.text[records.content(uidPlace)], as: UTF8.self)
        return UUID(uuidString: text.trimmingCharacters(in: .whitespaces))
    }

    /// Whether the cell of a field says that the client's value is to be cleared.
    package func isNull(_ field: String) -> Bool {
        zip(file.schema.fields, values).contains { $0.name == field && $1.isNull }
    }

    /// Fields whose value was repaired.
    package var fixed: [String] {
        zip(file.schema.fields, values).filter { $1.wasFixed }.map { $0.0.name }
    }

    /// The row as it stands in the file: one cell for each of ``CSVFormat/columns``, then those beyond the header that
    /// are not blank. A cell that is a secret, or might be one, is empty.
    package func cells() -> [String] {
        let cells = ownPlaces.map { keptPlaces.contains($0) ? cell($0) : "" }
        guard hasExtraCells else { return cells }
        let extra = file.mapping.header.count..<records.cells.count
        return cells + extra.map { file.schema.hasSecrets ? "" : cell($0) }
    }

    private func cell(_ place: Int) -> String { String(decoding: records.text[records.content(place)], as: UTF8.self) }
}

extension RowCursor {
    /// To be asked at the end of the file: which rows without SIRET carry a name that another row, above or below, carries
    /// beside a SIRET. Most likely they are one client. Reads the file once more where that can be.
    func namesTaken() throws(FileError) -> RowKeys.Taken {
        var taken: RowKeys.Taken = [:]
        guard keys.areMixed else { return taken }
        let again = try RowCursor(file, known: RowFindings(shapes: known?.shapes ?? shapes))
        // Its own claims are of no use, and would need as much memory again.
        again.keys = RowKeys(RowSchema(fields: file.schema.fields, keys: []), options: file.options)
        while try again.next() {
            if again.verdict == .valid { keys.note(again.values, line: again.line, into: &taken) }
        }
        return taken
    }

    private var isBlank: Bool {
        ownPlaces.allSatisfy { records.isBlank($0) } && !hasExtraCells
    }

    private var hasExtraCells: Bool {
        let header = file.mapping.header.count
        return records.cells.count > header && (header..<records.cells.count).contains { !records.isBlank($0) }
    }

    private func judge() {
        number += 1
        if !issues.isEmpty { issues.removeAll() }
        if known == nil {
            shapes.note(row: number, place: records.place, cells: records.cells.count, lineEnd: records.lineEnd)
        } else {
            noteShape()
        }
        unused.note(records)
        if hasExtraCells { note(.tooManyCells) }
        if records.hasStrayQuote { note(.strayQuote) }
        for index in values.indices { checkField(index) }
        if issues.isEmpty, !file.schema.oneOf.isEmpty, file.schema.oneOf.allSatisfy({ value(of: $0) == nil }) {
            note(.clientMissing)
        }
        verdict = issues.isEmpty ? .valid : .rejected
        // Only a good row may claim its SIRET: its twin must not be refused in favour of a row that is never sent.
        if verdict == .valid, let other = keys.claim(values, line: line) {
            verdict = .duplicate
            note(other.code, field: other.field, "See line \(other.otherLine).")
        }
        counts[verdict, default: 0] += 1
        for issue in issues { summary.add(issue) }
    }

    private func noteShape() {
        guard let shapes = known?.shapes, !shapes.isClean else { return }
        if shapes.cut.contains(number) { note(.lineBreak) } else if shapes.short.contains(number) { note(.tooFewCells) }
    }

    private func checkField(_ index: Int) {
        let field = file.schema.fields[index]
        values[index].reset()
        if let place = file.mapping.places[index] {
            field.check(records.text.span.extracting(records.content(place)), file.options, &values[index])
        }
        for issue in values[index].issues { note(issue.code, field: index, issue.detail) }
        guard values[index].bytes.isEmpty else {
            if field.name == FieldSpec.siret.name { summary.siretCells += 1 }
            return
        }
        if let missing = field.missing, values[index].issues.isEmpty { note(missing, field: index) }
    }

    private func note(_ code: IssueCode, field: Int? = nil, _ detail: String = "") {
        let column = field.flatMap { file.mapping.places[$0] }.map { file.mapping.header[$0] } ?? ""
        let message = detail.isEmpty ? code.cure : "\(code.cure) \(detail)"
        issues.append(RowIssue(line: line, column: column, code: code, message: message, value: field.flatMap(excerpt)))
    }

    private func excerpt(_ field: Int) -> String? {
        guard let place = file.mapping.places[field], !records.isBlank(place) else { return nil }
        // In a row of another shape than the header's, a secret may stand in any column.
        let isShifted = issues.contains { [.tooManyCells, .tooFewCells, .lineBreak, .strayQuote].contains($0.code) }
        let mayBeSecret = file.schema.fields[field].isSecret || file.schema.hasSecrets && isShifted
        return mayBeSecret ? nil : CellText.excerpt(cell(place))
    }
}
