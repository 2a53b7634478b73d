import Foundation
import Testing

@testable import Jobs

#if canImport(Glibc)
    import Glibc
#endif

/// Each file that cannot be used says so in one line, with the cure.
struct FileErrorTests {
    private func open(_ bytes: [UInt8], _ options: FileOptions = FileOptions()) throws {
        _ = try readRows(bytes, options)
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: ["", "\u{FEFF}", "\n\r\n\n"]) func `a file without anything in it is empty`(_ text: String) {
        #expect(throws: FileError.empty) { try open(bytes(text)) }
    }

    @Test func `a path that leads nowhere, to a folder or to a pipe is told apart`() throws {
        let scratch = try Scratch()
        #expect(throws: FileError.notFound) { try InputFile(path: scratch.path("none.csv")) }
        #expect(throws: FileError.isDirectory) { try InputFile(path: scratch.folder) }
        #expect(mkfifo(scratch.path("pipe"), 0o600) == 0)
        #expect(throws: FileError.notAFile) { try InputFile(path: scratch.path("pipe")) }
        #expect(throws: FileError.notAFile) { try InputFile(path: "/dev/null") }
    }

    @Test(.disabled(if: geteuid() == 0, "root may open every file")) func `a file that may not be read says so`() throws
    {
        let scratch = try Scratch()
        let path = try scratch.write(bytes("name;siret\n"))
        #expect(chmod(path, 0) == 0)
        #expect(throws: FileError.noPermission) { try InputFile(path: path) }
    }

    @Test(arguments: [
        (EACCES, FileError.noPermission), (EPERM, .noPermission), (ENOENT, .notFound), (ENOTDIR, .notFound),
        (EISDIR, .isDirectory), (ENXIO, .notAFile), (EIO, .cannotRead(reason: "Input/output error")),
    ]) func `the system's error numbers keep their meaning`(_ number: Int32, _ error: FileError) {
        #expect(InputFile.error(number) == error)
    }

    @Test(
        arguments: [
            ([0x50, 0x4B, 0x03, 0x04, 0x14], FileError.BinaryKind.workbook),
            ([0xD0, 0xCF, 0x11, 0xE0, 0xA1], .workbook), ([0x25, 0x50, 0x44, 0x46, 0x2D, 0x31], .pdf),
            ([0x1F, 0x8B, 0x08], .compressed), ([0x6E, 0x3B, 0x61, 0x0A, 0x00, 0x62], .unknown),
        ] as [([UInt8], FileError.BinaryKind)]
    ) func `a file that is not text is called by its name`(
        _ head: [UInt8],
        _ kind: FileError.BinaryKind
    ) {
        #expect(throws: FileError.binary(kind)) { try open(head + [UInt8](repeating: 0x41, count: 100)) }
    }

    @Test(arguments: [0x81, 0x8D, 0x8F, 0x90, 0x9D] as [UInt8]) func `bytes that no encoding explains name their line`(
        _ byte: UInt8
    ) {
        #expect(throws: FileError.unknownEncoding(line: 3)) { try open(bytes("name;siret\nA;\nB") + [byte, 0x0A]) }
    }

    @Test func `one Windows-1252 letter in the last row decides for the whole file`() throws {
        let many = String(repeating: "Client;\n", count: 50_000)
        let read = try readRows(bytes("name;siret\n" + many + "Caf") + [0xE9], FileOptions(allowSameName: true))
        #expect(read.format.encoding == .windows1252)
        #expect(read.rows.last?.name == "Café")
    }

    @Test(arguments: 0...1) func `a letter that the reader's buffer cuts in two is still UTF-8`(_ shift: Int) throws {
        let text = "name;siret\n" + String(repeating: "x", count: shift) + String(repeating: "ééé;\n", count: 50_000)
        let read = try readRows(bytes(text), FileOptions(allowSameName: true))
        #expect(read.format.encoding == .utf8)
        #expect(read.rows.allSatisfy { $0.name?.hasSuffix("ééé") == true })
    }

    @Test func `a UTF-8 file with a stray Windows-1252 row is refused, not garbled`() {
        let text = bytes("name;siret\nÉcole;\nCafé;\nHôtel;\nCaf") + [0xE9, 0x0A]
        #expect(throws: FileError.mixedEncodings(line: 5)) { try open(text) }
    }

    @Test func `an encoding that is asked for must be the right one`() throws {
        let windows = bytes("name;siret\nCaf") + [0xE9, 0x0A]
        #expect(throws: FileError.wrongEncoding(.utf8, line: 2)) { try open(windows, FileOptions(encoding: .utf8)) }
        let loneSurrogate: [UInt8] = [0xFF, 0xFE, 0x6E, 0x00, 0x00, 0xD8, 0x3B, 0x00]
        #expect(throws: FileError.wrongEncoding(.utf16LittleEndian, line: 1)) { try open(loneSurrogate) }
        let unmarked = try "name;siret\nÉ€;\n".encoded(.utf16LittleEndian, mark: false)
        #expect(throws: FileError.binary(.unknown)) { try open(unmarked) }
        #expect(try readRows(unmarked, FileOptions(encoding: .utf16LittleEndian)).rows.map(\.name) == ["É€"])
        let utf8 = bytes("name;siret\nÉ;\n")
        #expect(try readRows(utf8, FileOptions(encoding: .windows1252)).rows.map(\.name) == ["Ã‰"])
    }

    @Test(
        arguments: [
            [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
            [0xC3],
            [0xE2, 0x82], [0xFF],
        ] as [[UInt8]]
    ) func `UTF-8 is strict`(_ wrong: [UInt8]) {
        let text = bytes("name;siret\nA") + wrong
        #expect(throws: FileError.wrongEncoding(.utf8, line: 2)) { try open(text, FileOptions(encoding: .utf8)) }
    }

    @Test func `names of encodings are read as people write them`() {
        #expect(
            ["UTF-8", "utf8", "cp1252", "latin1", "UTF-16", "utf-16BE"].map { TextEncoding(name: $0) } == [
                .utf8, .utf8, .windows1252, .windows1252, .utf16LittleEndian, .utf16BigEndian,
            ]
        )
        #expect(TextEncoding(name: "ebcdic") == nil)
    }

    @Test(arguments: [
        ("Liste des clients\n\nnom;siret\nA;\n", FileError.headerBelow(line: 3, first: "Liste des clients")),
        ("Liste;;\nnom;siret;x\nA;;\n", .headerBelow(line: 2, first: "Liste")),
        ("Liste\nle 1.1.2026\nnom,siret\nA,\n", .headerBelow(line: 3, first: "Liste")),
        ("sep=,\nnom;siret\nA;\n", .wrongDelimiter(.comma, better: .semicolon)),
        ("sep=abc\nnom;siret\nA;\n", .badDeclaration("sep=abc")),
        ("\"sep=;\"\nnom;siret\nA;\n", .badDeclaration("sep=;")),
        ("sep=;\nTitre\nnom;siret\nA;\n", .headerBelow(line: 3, first: "Titre")),
    ]) func `a header that is elsewhere is found`(_ text: String, _ error: FileError) {
        #expect(throws: error) { try open(bytes(text)) }
    }

    @Test func `a delimiter that is given and wrong is told with the right one`() {
        #expect(throws: FileError.wrongDelimiter(.comma, better: .tab)) {
            try open(bytes("nom\tsiret\nA\t\n"), FileOptions(delimiter: .comma))
        }
    }

    @Test func `one column is an error, unless it is meant`() throws {
        #expect(throws: FileError.oneColumn(header: "name")) { try open(bytes("name\nA\n")) }
        #expect(throws: FileError.oneColumn(header: "name:siret")) { try open(bytes("name:siret\nA:\n")) }
        #expect(try readRows(bytes("name\nA\n"), FileOptions(delimiter: .semicolon)).rows.map(\.name) == ["A"])
    }

    @Test func `a quote that never closes names the line where it opens`() {
        #expect(throws: FileError.unclosedQuote(line: 4)) { try open(bytes("name;siret\nA;\n\nB;\"x\nC;\nD;\n")) }
        #expect(throws: FileError.unclosedQuote(line: 3)) { try open(bytes("name;siret\n\"A\nx\";\"b\nC;\n")) }
    }

    @Test func `a quote that never closes is noticed at the limit of a record, not at the end of the file`() throws {
        let text = bytes("name;siret\nA;\"x\n") + bytes(String(repeating: "y;z\n", count: 100_000))
        #expect(throws: FileError.unclosedQuote(line: 2, within: 5_000)) {
            try open(text, FileOptions(recordLimit: 5_000))
        }
    }

    @Test(arguments: [5, 1 << 16]) func `a record may be as long as the limit and no longer`(_ chunk: Int) throws {
        let limit = 300
        func text(_ length: Int) -> [UInt8] {
            bytes("name;siret;description\nA;;" + String(repeating: "x", count: length - 4) + "\nB;;\n")
        }
        let options = FileOptions(recordLimit: limit)
        #expect(try readRows(text(limit), options, chunk: chunk).rows.count == 2)
        #expect(throws: FileError.recordTooLong(line: 2, limit: limit)) {
            try readRows(text(limit + 1), options, chunk: chunk)
        }
    }

    @Test(arguments: [nil, TextEncoding.utf8, .windows1252]) func `a line of 2 GB is given up at the limit`(
        _ encoding: TextEncoding?
    ) throws {
        let scratch = try Scratch()
        // Letters up to 8 MB, then a hole: whoever reads on runs into zero bytes and says "binary" instead.
        let path = try scratch.write(bytes("name;siret\n") + [UInt8](repeating: 0x78, count: 8 << 20))
        #expect(truncate(path, 2 << 30) == 0)
        let elapsed = ContinuousClock().measure {
            #expect(throws: FileError.recordTooLong(line: 2, limit: 1 << 20)) {
                let file = try RowFile.open(
                    path: path,
                    schema: .createClients,
                    options: FileOptions(encoding: encoding)
                )
                _ = try rows(of: file.rows())
            }
        }
        #expect(elapsed < .seconds(20), "reading 2 GB in a debug build takes minutes")
    }

    @Test func `a file that changes under the reader is not believed`() throws {
        let scratch = try Scratch()
        let path = try scratch.write(bytes("name;siret\n" + String(repeating: "A;\n", count: 100)))
        let cursor = try RowFile.open(path: path, schema: .createClients).rows()
        #expect(truncate(path, 50) == 0)
        #expect(throws: FileError.changedWhileReading) { try rows(of: cursor) }
    }

    @Test func `every error is one sentence on one line that says what to do`() {
        let column = "a\nb" + String(repeating: "x", count: 100)
        let all: [FileError] = [
            .notFound, .isDirectory, .notAFile, .noPermission, .cannotRead(reason: "x"), .cannotWrite(reason: "x"),
            .noPlace(reason: "x"),
            .changedWhileReading, .empty, .binary(.workbook), .binary(.pdf), .binary(.compressed), .binary(.unknown),
            .unknownEncoding(line: 7), .mixedEncodings(line: 7), .wrongEncoding(.utf8, line: 7),
            .recordTooLong(line: 7, limit: 9), .unclosedQuote(line: 7), .unclosedQuote(line: 7, within: 9),
            .oneColumn(header: column),
            .noHeader(value: column),
            .missingColumn(field: "f", accepted: ["f", "g"], seen: Array(repeating: column, count: 50)),
            .noRows(header: [column]), .headerBelow(line: 3, first: column), .badDeclaration(column),
            .wrongDelimiter(.comma, better: .tab),
            .duplicateHeader(field: "f", column: column), .ambiguousColumns(field: "f", columns: [column, column]),
            .unknownColumn(field: "f", column: column, seen: [column]), .unknownField(column, known: ["f"]),
            .columnUsedTwice(column: column, fields: ["f", "g"]),
        ]
        for error in all {
            let text = error.description
            #expect(text.contains(": ") && text.hasSuffix("."), "\(text)")
            #expect(!text.contains("\n") && text.count < 900, "\(text)")
            #expect(!text.contains(String(repeating: "x", count: 41)), "a column name is cut")
        }
    }

    @Test func `the digest is the SHA-256 that other tools compute`() throws {
        let scratch = try Scratch()
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(try FileDigest.sha256(path: scratch.write(bytes("abc"))) == known)
        // A million letters a: the third example of FIPS 180-2.
        let long = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        #expect(try FileDigest.sha256(path: scratch.write([UInt8](repeating: 0x61, count: 1_000_000))) == long)
        #expect(throws: FileError.notFound) { try FileDigest.sha256(path: scratch.path("none")) }
    }
}
