import Foundation

@testable import Jobs

/// A folder for one test, gone with it.
final class Scratch {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "/factpulse-csv-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    func path(_ name: String) -> String { folder + "/" + name }

    func write(_ bytes: [UInt8], _ name: String = "clients.csv") throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }
}

/// A row as a test looks at it.
struct ReadRow: Equatable {
    var line: Int
    var cells: [String]
    var name: String?
    var siret: String?
    var description: String?
    var verdict: RowVerdict
    var issues: [RowIssue]

    var codes: [IssueCode] { issues.map(\.code) }
}

func readRows(
    _ bytes: [UInt8],
    _ options: FileOptions = FileOptions(),
    chunk: Int = 1 << 16
) throws -> (format: CSVFormat, rows: [ReadRow], cursor: RowCursor) {
    let scratch = try Scratch()
    let file = try RowFile.open(path: scratch.write(bytes), schema: .createClients, options: options)
    let (read, cursor) = try file.settle(chunk: chunk) { (try rows(of: $0), $0) }.0
    return (file.format, read, cursor)
}

func readRows(_ text: String, _ options: FileOptions = FileOptions(), chunk: Int = 1 << 16) throws -> [ReadRow] {
    try readRows(Array(text.utf8), options, chunk: chunk).rows
}

func rows(of cursor: RowCursor) throws -> [ReadRow] {
    var rows: [ReadRow] = []
    while try cursor.next() {
        rows.append(
            ReadRow(
                line: cursor.line,
                cells: cursor.cells(),
                name: cursor.value(of: "name"),
                siret: cursor.value(of: "siret"),
                description: cursor.value(of: "description"),
                verdict: cursor.verdict,
                issues: cursor.issues
            )
        )
    }
    return rows
}

extension String {
    /// The text as bytes of an encoding, with the mark that the encoding asks for.
    func encoded(_ encoding: TextEncoding, mark: Bool = true) throws -> [UInt8] {
        let foundation: String.Encoding =
            switch encoding {
            case .utf8: .utf8
            case .utf16LittleEndian: .utf16LittleEndian
            case .utf16BigEndian: .utf16BigEndian
            case .windows1252: .windowsCP1252
            }
        guard let data = data(using: foundation) else { throw CocoaError(.fileWriteInapplicableStringEncoding) }
        return (mark ? encoding.mark : []) + data
    }
}
