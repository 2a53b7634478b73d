import Foundation
import Testing

@testable import Jobs

/// Whatever a file holds, reading it ends: with its rows, or with a ``FileError``.
struct HostileFileTests {
    /// What became of one reading.
    private enum Outcome: Equatable {
        case read(CSVFormat, [ReadRow])
        case refused(FileError)
    }

    /// Reads a file in pieces of any size. Every other error fails the test.
    private func outcome(_ bytes: [UInt8], _ options: FileOptions, chunk: Int) throws -> Outcome {
        do {
            let read = try readRows(bytes, options, chunk: chunk)
            #expect(read.cursor.counts.values.reduce(0, +) == read.rows.count)
            return .read(read.format, read.rows)
        } catch let error as FileError {
            return .refused(error)
        }
    }

    /// The pieces in which a file comes must not show, and every cell must be text that PostgreSQL can store.
    private func check(_ bytes: [UInt8], _ options: FileOptions = FileOptions()) throws -> Outcome {
        let whole = try outcome(bytes, options, chunk: 1 << 16)
        for chunk in [4, 7, 61] {
            #expect(
                try outcome(bytes, options, chunk: chunk) == whole,
                "pieces of \(chunk): \(Data(bytes).base64EncodedString())"
            )
        }
        if case .read(_, let rows) = whole {
            #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.line < $1.line })
            #expect(rows.allSatisfy { $0.cells.allSatisfy { !$0.utf8.contains(0) } })
        }
        return whole
    }

    /// Bytes that mean something to a reader of CSV, in some encoding.
    private static let meaningful: [UInt8] =
        Array("\"\"\"\"''=;;;;,,\t|\r\r\n\n\n  sep=0123456789ABCDEé€\u{A0}\u{FEFF}".utf8) + [
            0, 0, 0xFF, 0xFE, 0xE9, 0x9D,
        ]

    private static func options(_ random: inout SeededRandom) -> FileOptions {
        FileOptions(
            encoding: [nil, nil, .utf8, .windows1252, .utf16LittleEndian, .utf16BigEndian].randomElement(
                using: &random
            )!,
            delimiter: [nil, .semicolon].randomElement(using: &random)!
        )
    }

    @Test(arguments: 0..<150) func `random bytes are read or refused, in pieces of any size alike`(_ seed: UInt64)
        throws
    {
        var random = SeededRandom(seed)
        let length = Int.random(in: 0...400, using: &random)
        let isNoise = seed % 5 == 0
        let bytes = (0..<length).map { _ in
            isNoise ? UInt8.random(in: 0...255, using: &random) : Self.meaningful.randomElement(using: &random)!
        }
        let header = Bool.random(using: &random) ? Array("name;siret\n".utf8) : []
        _ = try check(header + bytes, Self.options(&random))
    }

    @Test(arguments: 0..<150) func `a good file with some bytes changed is read or refused`(_ seed: UInt64) throws {
        var random = SeededRandom(seed)
        let text =
            "Raison sociale;SIRET;Note\r\n"
            + (0..<12).map { _ in
                "\"\(random.text(beyond1252: false).replacing("\"", with: "\"\""))\";73282932000074;été\r\n"
            }.joined()
        let encoding = TextEncoding.allCases.randomElement(using: &random)!
        var bytes = try text.encoded(encoding, mark: Bool.random(using: &random))
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: bytes[place] = Self.meaningful.randomElement(using: &random)!
            case 1: bytes.insert(Self.meaningful.randomElement(using: &random)!, at: place)
            case 2: bytes.remove(at: place)
            default: bytes.removeSubrange(place...)
            }
            if bytes.isEmpty { break }
        }
        _ = try check(bytes, Bool.random(using: &random) ? FileOptions(encoding: encoding) : FileOptions())
    }

    @Test func `a zero byte is no text, whatever the file says it is`() throws {
        let text = "name;siret\nA;\nB\0;\n"
        let refused = { (encoding: TextEncoding) in Outcome.refused(.wrongEncoding(encoding, line: 3)) }
        #expect(try check(text.encoded(.utf8)) == refused(.utf8))
        #expect(try check(Array(text.utf8), FileOptions(encoding: .utf8)) == refused(.utf8))
        #expect(try check(Array(text.utf8), FileOptions(encoding: .windows1252)) == refused(.windows1252))
        #expect(try check(text.encoded(.utf16BigEndian)) == refused(.utf16BigEndian))
        #expect(try check(Array(text.utf8)) == .refused(.binary(.unknown)))
    }

    @Test(arguments: [TextEncoding.utf16LittleEndian, .utf16BigEndian])
    func `UTF-16 that ends in half a character is refused`(
        _ encoding: TextEncoding
    ) throws {
        let bytes = try "name;siret\nA;\nB;".encoded(encoding)
        #expect(try check(bytes + [0]) == .refused(.wrongEncoding(encoding, line: 3)))
        #expect(try check(Array(bytes.dropLast())) == .refused(.wrongEncoding(encoding, line: 3)))
    }

    @Test func `a mark in the middle, as in files that were put together, is white space`() throws {
        let read = try readRows(Array("\u{FEFF}\u{FEFF}name;siret\n\u{FEFF}A;\u{FEFF}73282932000074\n".utf8))
        #expect(read.format.mapping == ["name": "name", "siret": "siret"])
        #expect(read.rows.map(\.name) == ["A"])
        #expect(read.rows.map(\.siret) == ["73282932000074"])
    }

    @Test func `a header and nothing below it has no rows`() throws {
        for text in ["name;siret", "name;siret\r\n", "sep=;\nname;siret\n\n ; \n"] {
            #expect(try readRows(text).isEmpty)
        }
    }

    @Test func `a delimiter at the end of every line is a column without a name`() throws {
        let read = try readRows(Array("name;siret;\nA;73282932000074;\nB;;\nC;;x\n".utf8))
        #expect(read.format.columns == ["name", "siret", ""])
        #expect(read.rows.map(\.verdict) == [.valid, .valid, .valid])
        #expect(read.rows.map(\.cells.last) == ["", "", "x"])
    }

    @Test(arguments: [true, false]) func `a cell of 10 MB is refused, and never in memory as a whole`(isClosed: Bool)
        throws
    {
        let scratch = try Scratch()
        let cell = [UInt8](repeating: UInt8(ascii: "x"), count: 10 << 20)
        let path = try scratch.write(Array("name;siret\nA;\"".utf8) + cell + Array((isClosed ? "\";\nB;\n" : "").utf8))
        let limit = 1 << 18
        let source = try TextSource(file: InputFile(path: path), encoding: .utf8, chunk: 1 << 16)
        let piece = source.largestPiece
        var records = RecordReader(source, delimiter: .semicolon, limit: limit)
        #expect(throws: FileError.unclosedQuote(line: 2, within: limit)) {
            while try records.next() {}
        }
        #expect(records.text.capacity <= 4 * (limit + piece))
    }
}
