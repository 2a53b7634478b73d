import Foundation
import Testing

@testable import Jobs

/// What a row looks like may vary; what it says may not.
struct RecordTests {
    struct Form: CustomTestStringConvertible {
        let encoding: TextEncoding
        let delimiter: Delimiter
        let lineEnd: String
        let quoted: Bool

        var testDescription: String {
            "\(encoding.rawValue) \(delimiter.name) \(lineEnd.debugDescription)\(quoted ? " quoted" : "")"
        }

        static let all: [Form] = TextEncoding.allCases.flatMap { encoding in
            Delimiter.candidates.flatMap { delimiter in
                ["\r\n", "\n", "\r"].flatMap { lineEnd in
                    [true, false].map { Form(encoding: encoding, delimiter: delimiter, lineEnd: lineEnd, quoted: $0) }
                }
            }
        }
    }

    @Test(arguments: Form.all) func `a file says the same in every form that programs write`(_ form: Form) throws {
        let table = [
            ["Nom", "N° SIRET", "Remarques"],
            ["Café de l'Œuvre – Nîmes", "73282932000074", "payé 12 €"],
            ["Société Générale", "", ""],
        ]
        let text = table.map { record in
            record.map { form.quoted ? "\"\($0)\"" : $0 }.joined(separator: String(UnicodeScalar(form.delimiter.byte)))
        }
        for lastLineEnd in ["", form.lineEnd] {
            let bytes = try (text.joined(separator: form.lineEnd) + lastLineEnd).encoded(form.encoding)
            let (format, rows, _) = try readRows(bytes)
            #expect(format.encoding == form.encoding)
            #expect(format.delimiter == form.delimiter)
            #expect(rows.map(\.cells) == Array(table.dropFirst()))
            #expect(rows.map(\.line) == [2, 3])
            #expect(rows.map(\.siret) == ["73282932000074", nil])
            #expect(rows.map(\.verdict) == [.valid, .valid])
        }
    }

    @Test func `quoted cells hold delimiters, line ends and doubled quotes, and lines stay physical`() throws {
        let text = "name;siret;description\r\n\"A; \"\"B\"\"\";;\"one\r\ntwo\nthree\rfour\"\r\n\r\nC;;\"\"\r\n"
        let rows = try readRows(text)
        #expect(rows.map(\.cells) == [["A; \"B\"", "", "one\r\ntwo\nthree\rfour"], ["C", "", ""]])
        #expect(rows.map(\.line) == [2, 7])
        #expect(rows[0].name == "A; \"B\"")
    }

    @Test func `spaces around quotes do not count`() throws {
        let rows = try readRows("name, siret\n \"A, B\" , \"\"\n C ,\n")
        #expect(rows.map(\.cells) == [["A, B", ""], [" C ", ""]])
    }

    @Test func `a quote inside a plain cell is a letter like any other`() throws {
        let rows = try readRows("name;siret\nGarage \"Chez Paul\";\n5\" vinyl;\n")
        #expect(rows.map(\.name) == ["Garage \"Chez Paul\"", "5\" vinyl"])
        #expect(rows.map(\.verdict) == [.valid, .valid])
    }

    @Test func `blank cells beyond the header do no harm`() throws {
        let rows = try readRows("name;siret;description\nB;;\nC;;;; ;\n")
        #expect(rows.map(\.cells) == [["B", "", ""], ["C", "", ""]])
        #expect(rows.map(\.verdict) == [.valid, .valid])
    }

    @Test func `blank lines and blank records are no rows`() throws {
        let read = try readRows(Array("\n\nname;siret\n\nA;\n;\n   \n ; \n\nB;\n".utf8))
        #expect(read.rows.map(\.name) == ["A", "B"])
        #expect(read.rows.map(\.line) == [5, 10])
        #expect(read.cursor.blankRecords == 3)
        #expect(read.cursor.number == 2)
    }

    @Test(arguments: ["sep=|\r\n", "SEP=|\n"]) func `the line by which Excel names the delimiter is obeyed`(
        _ declaration: String
    ) throws {
        let read = try readRows(Array((declaration + "name|siret;x\na;b|\n").utf8))
        #expect(read.format.delimiter == .pipe)
        #expect(read.format.columns == ["name", "siret;x"])
        #expect(read.rows.map(\.line) == [3])
    }

    @Test func `a comma in names does not hide the semicolon, nor the other way round`() throws {
        let semicolons = try readRows(Array("name;siret\nA, B, C;\nD, E;\nF;\n".utf8))
        #expect(semicolons.format.delimiter == .semicolon)
        let header = try readRows(
            Array("nom, prénom, titre;siret\nA;\nB;\nC;\n".utf8),
            FileOptions(columns: ["name": "#1"])
        )
        #expect(header.format.delimiter == .semicolon, "records that agree count for more than columns")
        let commas = try readRows(Array("name,siret,\"a;b\"\n\"A; B\",,\nC,,\n".utf8))
        #expect(commas.format.delimiter == .comma)
    }

    @Test func `the delimiter that is asked for is used`() throws {
        let read = try readRows(Array("name:x;siret\nA:1;\n".utf8), FileOptions(delimiter: Delimiter(name: ":")))
        #expect(read.format.columns == ["name", "x;siret"])
        #expect(["ab", "\"", "a", "7", "", "\n"].map { Delimiter(name: $0) } == Array(repeating: nil, count: 6))
    }

    @Test(arguments: 0..<60) func `random records are read as they were written, in pieces of any size`(
        _ seed: UInt64
    ) throws {
        var random = SeededRandom(seed)
        let encoding = TextEncoding.allCases.randomElement(using: &random)!
        let delimiter = Delimiter.candidates.randomElement(using: &random)!
        let width = Int.random(in: 2...6, using: &random)
        let table = (0..<40).map { row in
            // A first cell that is never blank keeps the record from being taken for an empty line.
            (0..<width).map { ($0 == 0 ? "n\(row)" : "") + random.text(beyond1252: encoding != .windows1252) }
        }
        var bytes: [UInt8] = []
        let header = ["name"] + (1..<width).map { "c\($0)" }
        for record in [header] + table { CSVLine(delimiter: delimiter).append(record, to: &bytes) }
        let encoded = try String(decoding: bytes, as: UTF8.self).encoded(encoding)
        for chunk in [4, 5, 7, 64, Int.random(in: 4...300, using: &random), 1 << 16] {
            let options = FileOptions(encoding: encoding, delimiter: delimiter)
            #expect(try readRows(encoded, options, chunk: chunk).rows.map(\.cells) == table)
        }
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// Up to 12 characters, most of them able to break a reader.
    mutating func text(beyond1252: Bool = true) -> String {
        let breaking = ["\"", "\"\"", ";", ",", "\t", "|", "\n", "\r\n", "\r", " ", "'", "=", "-", "@"]
        let letters = breaking + ["a", "é", "€", "œ"] + (beyond1252 ? ["漢", "😀", "＝"] : [])
        return (0..<Int.random(in: 0...12, using: &self)).map { _ in letters.randomElement(using: &self)! }.joined()
    }
}
