import Foundation
import Testing

@testable import Jobs

enum RealFiles {
    /// `../shared/data` seen from the package.
    static let folder: String? = {
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = package.deletingLastPathComponent().appendingPathComponent("shared/data").path
        return FileManager.default.fileExists(atPath: folder) ? folder : nil
    }()
}

/// The open-data files beside the project. Their counts were made apart: by a script with Python's `csv` module in
/// strict mode and its own implementation of the rules.
@Suite(.enabled(if: RealFiles.folder != nil, "../shared/data is not here: the real files were not read"))
struct RealFileTests {
    struct Expectation: CustomTestStringConvertible {
        let name: String
        let nameColumn: String
        let encoding: TextEncoding
        let delimiter: Delimiter
        let counts: [RowVerdict: Int]
        let codes: [IssueCode: Int]
        var hasOneCure = false

        var testDescription: String { name }
    }

    @Test(arguments: [
        Expectation(
            name: "datadock.csv",
            nameColumn: "RAISON_SOCIALE",
            encoding: .utf8,
            delimiter: .comma,
            // Of the 10 repeated SIRETs, 9 stand a second time in a row without name.
            counts: [.valid: 4_093, .rejected: 130, .duplicate: 1],
            codes: [
                .nameMissing: 99, .namePlaceholder: 28, .nameControlCharacter: 1, .siretChecksum: 14,
                .duplicateSiret: 1,
            ]
        ),
        Expectation(
            name: "rncp_certificateurs.cp1252.csv",
            nameColumn: "Certificateur",
            encoding: .windows1252,
            delimiter: .semicolon,
            // One row for each certificate, so that an organisation stands on many.
            counts: [.valid: 3_238, .rejected: 2, .duplicate: 27_470],
            codes: [.duplicateName: 24_116, .duplicateSiret: 3_354, .siretChecksum: 2]
        ),
        Expectation(
            name: "rncp_certificateurs.excel-mangled.csv",
            nameColumn: "Certificateur",
            encoding: .windows1252,
            delimiter: .semicolon,
            counts: [.valid: 1_951, .rejected: 4_643, .duplicate: 24_116],
            codes: [.duplicateName: 24_116, .siretScientific: 4_643],
            hasOneCure: true
        ),
    ]) func `every record of a real file is accounted for`(_ expected: Expectation) throws {
        let path = try #require(RealFiles.folder) + "/" + expected.name
        let options = FileOptions(columns: ["name": expected.nameColumn])
        let file = try RowFile.open(path: path, schema: .createClients, options: options)
        let cursor = try file.rows()
        while try cursor.next() {}
        #expect(file.format.encoding == expected.encoding)
        #expect(file.format.delimiter == expected.delimiter)
        #expect(cursor.counts == expected.counts)
        #expect(cursor.number == expected.counts.values.reduce(0, +))
        #expect(cursor.blankRecords == 0)
        #expect(
            Dictionary(uniqueKeysWithValues: cursor.summary.entries.map { ($0.code, $0.count) }) == expected.codes
        )
        #expect((cursor.summary.cure != nil) == expected.hasOneCure)
    }
}
