import Testing

@testable import Jobs

/// What a row of `create-clients` must be.
struct ClientRowTests {
    struct Case: CustomTestStringConvertible {
        let row: String
        let codes: [IssueCode]
        var testDescription: String { "\(row.prefix(30).debugDescription) \(codes.map(\.rawValue))" }

        init(_ row: String, _ codes: IssueCode...) {
            self.row = row
            self.codes = codes
        }
    }

    static let cases: [Case] = [
        Case("A;;"), Case("A;73282932000074;text"), Case("  A\u{A0};;"), Case("+33 Design;;"), Case("@home;;"),
        Case(";73282932000074;", .nameMissing), Case("\u{A0} ;;x", .nameMissing),
        Case("null;;", .namePlaceholder), Case("NULL;;", .namePlaceholder), Case(" N/A ;;", .namePlaceholder),
        Case("#N/A;;", .namePlaceholder), Case("#REF!;;", .namePlaceholder), Case("#NOM?;;", .namePlaceholder),
        Case("Nullix;;"), Case("NA;;"),
        Case(String(repeating: "é", count: 255) + ";;"), Case(String(repeating: "😀", count: 255) + ";;"),
        Case(String(repeating: "é", count: 256) + ";;", .nameTooLong),
        // One character for the eye, two scalars for the API.
        Case(String(repeating: "e\u{301}", count: 128) + ";;", .nameTooLong),
        Case("\"A\nB\";;", .nameControlCharacter), Case("A\tB;;", .nameControlCharacter),
        Case("A\u{1}B;;", .nameControlCharacter), Case("A\u{7F};;", .nameControlCharacter),
        Case("A\u{85}B;;", .nameControlCharacter), Case("À\u{A1};;"),
        Case("A;;" + String(repeating: "é", count: 1000)),
        Case("A;;" + String(repeating: "é", count: 1001), .descriptionTooLong),
        Case("A;;\"one\n\ttwo\""), Case("A;;x\u{8}y", .descriptionControlCharacter),
        Case("A;1,23E+13;", .siretScientific), Case("A;5520135400010;", .siretLeadingZero),
        Case("A;732829320;", .siretIsSiren), Case("A;123;", .siretLength), Case("A;abc;", .siretCharacters),
        Case("A;73282932000079;", .siretChecksum),
        Case("A;", .tooFewCells), Case("A\rB;;", .lineBreak), Case("A;;x;y", .tooManyCells),
        Case("\"A \"B\" C\";;", .strayQuote),
        Case("null;abc;x\u{8}y;z", .tooManyCells, .namePlaceholder, .siretCharacters, .descriptionControlCharacter),
        Case(";123;" + String(repeating: "x", count: 1001), .nameMissing, .siretLength, .descriptionTooLong),
    ]

    @Test(arguments: cases) func `a row carries all that is wrong with it at once`(_ example: Case) throws {
        let rows = try readRows("name;siret;description\n" + example.row + "\n")
        let row = try #require(rows.first)
        #expect(row.codes == example.codes)
        #expect(row.verdict == (example.codes.isEmpty ? .valid : .rejected))
        for issue in row.issues {
            #expect(issue.line == 2)
            #expect(issue.message.hasPrefix(issue.code.cure))
        }
    }

    @Test func `every code is seen in these tests, and its text is one sentence with a cure`() throws {
        let duplicates: Set<IssueCode> = [.duplicateSiret, .duplicateName]
        #expect(
            Set(Self.cases.flatMap(\.codes)).union(duplicates).union(ChangeFieldTests.codes) == Set(IssueCode.allCases)
        )
        for code in IssueCode.allCases {
            #expect(code.cure.hasSuffix("."))
            #expect(code.cure.contains(":"), "what is wrong: what to do")
            #expect(!code.cure.contains("\n"))
        }
    }

    @Test func `an issue names its column as the file does`() throws {
        let rows = try readRows("Raison sociale;N° SIRET\nnull;abc\nA;;x\n")
        #expect(rows[0].issues.map(\.column) == ["Raison sociale", "N° SIRET"])
        #expect(rows[1].issues.map(\.column) == [""])
    }

    @Test func `an issue shows the cell as it stands, cut and fit for a screen`() throws {
        let long = String(repeating: "x", count: 60)
        let rows = try readRows("nom;siret\nnull;12 3\n;a\u{202E}b\u{1B}\(long)\nA;;x\n")
        #expect(rows[0].issues.map(\.value) == ["null", "12 3"])
        #expect(rows[1].issues.map(\.value) == [nil, "a b " + long.prefix(36) + "…"])
        #expect(rows[2].issues.map(\.value) == [nil])
    }

    @Test func `values are trimmed and cells are not`() throws {
        let row = try readRows("name;siret;description\n  A  B ;732 829 320 00074; x \n")[0]
        #expect(row.name == "A  B")
        #expect(row.siret == "73282932000074")
        #expect(row.description == "x")
        #expect(row.cells == ["  A  B ", "732 829 320 00074", " x "])
    }

    @Test func `a repaired value is reported as such`() throws {
        let read = try readRows(Array("name;siret\nA;5520135400010\n".utf8), FileOptions(fix: true))
        #expect(read.rows[0].siret == "05520135400010")
        #expect(read.cursor.fixed == ["siret"])
    }

    @Test func `a file spoiled by one cause gets one sentence`() throws {
        let mangled = (1...40).map { "Client \($0);7,9026\($0 % 10)E+13" }
        let good = ["A;73282932000074"] + (1...50).map { "B\($0);" }
        let cursor = try readRows(Array((["name;siret"] + mangled + good).joined(separator: "\n").utf8)).cursor
        #expect(cursor.summary.entries.map(\.code) == [.siretScientific])
        #expect(cursor.summary.entries[0].count == 40)
        #expect(cursor.summary.entries[0].firstLines == [2, 3, 4, 5, 6])
        #expect(try #require(cursor.summary.cure).contains("40 of 41 SIRETs"))
        let mostlyGood = try readRows(Array("name;siret\nA;1E+13\nB;2E+13\nC;73282932000074\n".utf8)).cursor
        #expect(mostlyGood.summary.cure != nil)
        let single = try readRows(Array("name;siret\nA;1E+13\nC;73282932000074\n".utf8)).cursor
        #expect(single.summary.cure == nil)
        let all = try readRows(Array("name;siret\nA;1E+13\nC;\n".utf8)).cursor
        #expect(all.summary.cure != nil, "all SIRETs of the file are lost, though there was but one")
    }
}
