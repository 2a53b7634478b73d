import Testing

@testable import Jobs

/// A line break that nobody quoted makes no client of a piece of a row.
struct RowShapeTests {
    private static let sirets = ["73282932000074", "12345678200010", "50123456100014", "81234567600421"]

    private func codes(_ text: String, _ options: FileOptions = FileOptions()) throws -> [[IssueCode]] {
        try readRows(text, options).map(\.codes)
    }

    @Test(arguments: ["\r\n", "\n", "\r"], ["\r\n", "\n", "\r"])
    func `a line break inside a cell spoils its row and no other`(end: String, hole: String) throws {
        let rows = try readRows(
            "nom;siret\(end)Avant;\(Self.sirets[0])\(end)Foo\(hole)bar;\(Self.sirets[1])\(end)Après;\(Self.sirets[2])\(end)"
        )
        #expect(rows.map(\.line) == [2, 3, 4, 5])
        #expect(rows[1].verdict == .rejected && rows[2].verdict == .rejected, "\(rows.map(\.codes))")
        #expect(rows[1].codes.contains(end == hole ? .tooFewCells : .lineBreak))
        #expect(rows[2].codes.contains(.lineBreak))
        #expect(rows[3].codes == [])
        // Where all line ends look alike, the row above could be the beginning of the short one.
        #expect(rows[0].codes == (end == hole ? [.lineBreak] : []))
    }

    @Test(arguments: ["\n", "\r\n"]) func `a line break inside the last cell does not leave half a name behind`(
        hole: String
    ) throws {
        let rows = try readRows("siret;nom\r\n\(Self.sirets[0]);Foo\(hole)bar\r\n\(Self.sirets[1]);B\r\n")
        #expect(rows.prefix(2).map(\.verdict) == [.rejected, .rejected])
        #expect(rows[0].codes == [.lineBreak])
    }

    @Test func `several line breaks in one row spoil all its pieces`() throws {
        let rows = try readRows("nom;siret;ville\r\nA;\nx\ny;1\nz\r\nOk;;\r\n")
        #expect(rows.map(\.verdict) == [.rejected, .rejected, .rejected, .rejected, .valid])
    }

    @Test func `a piece claims no SIRET`() throws {
        let rows = try readRows("nom;siret\r\nFoo\nbar;\(Self.sirets[0])\r\nOk;\(Self.sirets[0])\r\n")
        #expect(rows.map(\.verdict) == [.rejected, .rejected, .valid])
    }

    @Test func `a row with fewer cells than the header is refused`() throws {
        let few: [IssueCode] = [.tooFewCells]
        #expect(try codes("name;siret;description\nA;;\nB;\nC;;\n") == [[], few, []])
        #expect(try codes("name;siret;description\nA;;\nB\nC;;\n") == [[.lineBreak], few, [.lineBreak]])
        let row = try readRows("name;siret;description\nA;;\n\"x\ny\";\n")[1]
        #expect(row.line == 3 && row.issues[0].code == .tooFewCells && row.issues[0].column == "")
    }

    @Test func `what Excel leaves off in blocks of 16 rows is believed, and so are blank cells beyond the header`()
        throws
    {
        // The sheet's rows 1 to 16, 17 to 32 without a SIRET, 33 to 48, and 49 to 51 without one.
        let blocks: [(ClosedRange<Int>, String)] = [(2...16, ";x;;"), (17...32, ""), (33...48, ";x;"), (49...51, "")]
        let lines = blocks.flatMap { numbers, tail in numbers.map { "n\($0)\(tail)" } }
        let options = FileOptions(columns: ["name": "nom"])
        #expect(try codes((["nom;ville"] + lines).joined(separator: "\r\n"), options) == lines.map { _ in [] })
        // One row less, and neither the blocks nor the file's end are Excel's.
        let moved = try codes((["nom;ville"] + lines.dropFirst()).joined(separator: "\r\n"), options)
        #expect(moved.suffix(3) == [[.tooFewCells], [.tooFewCells], [.tooFewCells]])
        #expect(moved[14..<30].allSatisfy { $0.isEmpty }, "16 in a row are believed wherever they stand")
    }

    @Test func `15 short rows in a row, or one at the end, are no block of Excel's`() throws {
        let full = (2...16).map { "n\($0);x" }
        let options = FileOptions(columns: ["name": "nom"])
        let short = try codes(
            (["nom;ville"] + full + (17...31).map { "n\($0)" } + ["z;x"]).joined(separator: "\n"),
            options
        )
        #expect(short[15..<30].allSatisfy { $0 == [.tooFewCells] })
        #expect(short[14] == [.lineBreak] && short[30] == [.lineBreak])
        #expect(try codes((["nom;ville"] + full + ["z"]).joined(separator: "\n"), options).last == [.tooFewCells])
    }

    @Test func `a file put together from two with different line ends is read`() throws {
        #expect(try codes("nom;siret\r\nA;\r\nB;\nC;\n\nD;\rE;\r\n") == [[], [], [], [], []])
    }

    @Test func `in a file of one column the line ends alone tell a broken cell`() throws {
        let scratch = try Scratch()
        let path = try scratch.write(Array("nom\r\nA\r\nFoo\nbar\r\nB\r\n".utf8))
        let file = try RowFile.open(path: path, schema: .createClients, options: FileOptions(delimiter: .semicolon))
        let read = try file.settle { try rows(of: $0) }.0
        #expect(read.map(\.codes) == [[], [.lineBreak], [.lineBreak], []])
    }

    @Test func `blank lines and blank records between rows change nothing`() throws {
        #expect(try codes("nom;siret\r\n\r\nA;\r\n \r\n;\r\nB;\r\n\n\nC;\r\n") == [[], [], []])
    }
}
