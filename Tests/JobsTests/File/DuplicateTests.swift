import Foundation
import Testing

@testable import Jobs

struct DuplicateTests {
    @Test func `the same SIRET is a duplicate, however it is written, and names the first line`() throws {
        let rows = try readRows("name;siret\nA;73282932000074\nB;12345678200010\nC;732 829 320 00074\n")
        #expect(rows.map(\.verdict) == [.valid, .valid, .duplicate])
        #expect(rows[2].codes == [.duplicateSiret])
        #expect(rows[2].issues[0].message.hasSuffix("See line 2."))
    }

    @Test func `the same name without SIRET is a duplicate, spaces and case apart`() throws {
        let text = "name;siret\nÉcole  A;\nécole a;\nECOLE A;\nÉCOLE\u{A0}A;73282932000074\nÉCOLE\u{A0}A;\n"
        let rows = try readRows(text)
        #expect(rows.map(\.verdict) == [.duplicate, .duplicate, .valid, .valid, .duplicate])
        #expect(rows[0].issues[0].message.hasSuffix("See line 5."))
        #expect(rows[4].issues.map(\.line) == [6])
        let allowed = try readRows(text, FileOptions(allowSameName: true))
        #expect(allowed.map(\.verdict) == Array(repeating: .valid, count: 5))
    }

    @Test func `a name without SIRET repeats the same name with one, above or below it`() async throws {
        let text = "name;siret\nA;\nB;73282932000074\n b ;\na;12345678200010\nC;\n;50123456100014\nD;bad\nD;\n"
        let scratch = try Scratch()
        let path = try scratch.write(Array(text.utf8))
        let file = try await BulkFile.open(path: path, operation: .createClients, options: FileOptions())
        // Not checked before: it must not matter.
        let rows = try await file.next(100)
        #expect(
            rows.map(\.state) == [
                .duplicate, .staged, .duplicate, .staged, .staged, .rejected, .rejected, .staged,
            ]
        )
        #expect(rows[0].error?.hasSuffix("See line 5.") == true)
        #expect(rows[2].error?.hasSuffix("See line 3.") == true)
        let report = try await file.check { _, _ in }
        #expect(report.counts[.duplicate] == 2 && report.counts[.rejected] == 2 && report.counts[.staged] == 4)
        #expect(report.summary.count(of: .duplicateName) == 2)
        let options = FileOptions(allowSameName: true)
        let allowed = try await BulkFile.open(path: path, operation: .createClients, options: options)
        #expect(try await allowed.check { _, _ in }.counts[.duplicate] == 0)
    }

    /// The database compares by ``NameKey``; what is the same there must be so here.
    @Test func `names are the same in a file as in the database`() throws {
        func letters(_ range: ClosedRange<UInt32>) -> String {
            String(String.UnicodeScalarView(range.compactMap(Unicode.Scalar.init)))
        }
        let names = [
            letters(0xC0...0xFF), letters(0x100...0x13F), letters(0x140...0x17F), "École d’été – €",
            "E\u{301}cole d’ e\u{301}te\u{301} – €", "ŒUVRE Ÿ × ß µ", "ΣΊΣΥΦΟΣ", "ＡＢＣ",
            "İstanbul", "漢字 😀",
            "A\u{212B}\u{2126}", "\u{2000}x\u{3000}y", "Straße",
        ]
        for name in names {
            for other in [name.uppercased(), name.lowercased(), name.decomposedStringWithCanonicalMapping, name + "x"] {
                let verdicts = try readRows("name;siret\n\(name);\n\(other);\n").map(\.verdict)
                #expect(
                    (verdicts == [.valid, .duplicate]) == (NameKey.of(name) == NameKey.of(other)),
                    "\(name) \(other)"
                )
            }
        }
    }

    @Test func `one name may have several SIRETs`() throws {
        let rows = try readRows("name;siret\nA;73282932000074\nA;12345678200010\n")
        #expect(rows.map(\.verdict) == [.valid, .valid])
    }

    @Test func `a name that looks like another row's SIRET is no duplicate of it`() throws {
        let rows = try readRows("name;siret\nA;73282932000074\n73282932000074;\n")
        #expect(rows.map(\.verdict) == [.valid, .valid])
    }

    @Test func `a bad row claims nothing`() throws {
        let rows = try readRows("name;siret\n;73282932000074\nB;73282932000074\nC;73282932000074\n")
        #expect(rows.map(\.verdict) == [.rejected, .valid, .duplicate])
        #expect(rows[2].issues[0].message.hasSuffix("See line 3."))
    }

    @Test func `counts add up to the rows`() throws {
        let cursor = try readRows(Array("name;siret\nA;\na;\n;1\nB;\n".utf8)).cursor
        #expect(cursor.counts == [.valid: 2, .duplicate: 1, .rejected: 1])
        #expect(cursor.number == 4)
    }

    @Test(arguments: [1, 2, 3]) func `the table answers as a dictionary does, for any hash`(_ seed: UInt64) {
        var random = SeededRandom(seed)
        var table = DuplicateTable()
        var model: [UInt64: Int] = [:]
        #expect(table.firstLine(of: 0, at: 7) == nil)
        #expect(table.firstLine(of: 0, at: 8) == 7, "0 is the mark of a free slot and must still be known again")
        for line in 1...20_000 {
            // Small numbers collide in the first slots.
            let hash = line % 3 == 0 ? UInt64.random(in: 2...4_000, using: &random) : random.next() << 6 | 2
            let expected = model[hash]
            #expect(table.firstLine(of: hash, at: line) == expected)
            if expected == nil { model[hash] = line }
        }
    }
}
