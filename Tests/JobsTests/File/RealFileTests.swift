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
        var allowSameName = false
        let encoding: TextEncoding
        let delimiter: Delimiter
        let counts: [BulkRowState: Int]
        let codes: [IssueCode: Int]
        var hasOneCure = false

        var testDescription: String { allowSameName ? "\(name), same names allowed" : name }
    }

    @Test(arguments: [
        Expectation(
            name: "datadock.csv",
            nameColumn: "RAISON_SOCIALE",
            encoding: .utf8,
            delimiter: .comma,
            // Of the 10 repeated SIRETs, 9 stand a second time in a row without name.
            counts: [.staged: 4_093, .rejected: 130, .duplicate: 1],
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
            // One row for each certificate, so that an organisation stands on many; 420 of them with a SIRET on one row
            // and without on another.
            counts: [.staged: 2_818, .rejected: 2, .duplicate: 27_890],
            codes: [.duplicateName: 24_536, .duplicateSiret: 3_354, .siretChecksum: 2]
        ),
        Expectation(
            name: "rncp_certificateurs.excel-mangled.csv",
            nameColumn: "Certificateur",
            encoding: .windows1252,
            delimiter: .semicolon,
            counts: [.staged: 1_951, .rejected: 4_643, .duplicate: 24_116],
            codes: [.duplicateName: 24_116, .siretScientific: 4_643],
            hasOneCure: true
        ),
        Expectation(
            name: "rncp_certificateurs.cp1252.csv",
            nameColumn: "Certificateur",
            allowSameName: true,
            encoding: .windows1252,
            delimiter: .semicolon,
            counts: [.staged: 27_354, .rejected: 2, .duplicate: 3_354],
            codes: [.duplicateSiret: 3_354, .siretChecksum: 2]
        ),
    ]) func `every record of a real file is accounted for`(_ expected: Expectation) async throws {
        let path = try #require(RealFiles.folder) + "/" + expected.name
        let options = FileOptions(columns: ["name": expected.nameColumn], allowSameName: expected.allowSameName)
        let file = try await BulkFile.open(path: path, operation: .createClients, options: options)
        let report = try await file.check { _, _ in }
        #expect(file.file.format.encoding == expected.encoding)
        #expect(file.file.format.delimiter == expected.delimiter)
        #expect(report.counts == BulkCounts(expected.counts))
        #expect(report.blankRecords == 0)
        #expect(Dictionary(uniqueKeysWithValues: report.summary.entries.map { ($0.code, $0.count) }) == expected.codes)
        #expect((report.summary.cure != nil) == expected.hasOneCure)
        // Read again, as it is staged.
        var states: [BulkRowState: Int] = [:]
        while case let rows = try await file.next(5_000), !rows.isEmpty {
            for row in rows { states[row.state, default: 0] += 1 }
        }
        #expect(states == expected.counts)
    }
}
