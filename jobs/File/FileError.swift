/// Why a file as a whole cannot be used. What is wrong with single rows is a ``RowIssue``.
///
/// `description` is one sentence that says the cure. It leaves the path out: whoever prints it puts the path before it.
package enum FileError: Error, Hashable, Sendable {
    case notFound
    case isDirectory
    case notAFile
    case noPermission
    case cannotRead(reason: String)
    case cannotWrite(reason: String)
    /// No file can be written under this path, however often it is tried.
    case noPlace(reason: String)
    case changedWhileReading
    case empty
    case binary(BinaryKind)
    /// No encoding that we know explains this line.
    case unknownEncoding(line: Int)
    /// Most of the file is UTF-8, this line is not: any choice would garble names.
    case mixedEncodings(line: Int)
    /// The encoding that was asked for does not explain this line.
    case wrongEncoding(TextEncoding, line: Int)
    case recordTooLong(line: Int, limit: Int)
    /// A quote opened on this line and never closed, or not within the limit of one record.
    case unclosedQuote(line: Int, within: Int? = nil)
    case oneColumn(header: String)
    case noHeader(value: String)
    /// The file has a header and nothing below it.
    case noRows(header: [String])
    case missingColumn(field: String, accepted: [String], seen: [String])
    /// The header stands further down.
    case headerBelow(line: Int, first: String)
    /// The header is one under another delimiter than the one that is given, declared by `sep=`, or found out.
    case wrongDelimiter(Delimiter, better: Delimiter)
    /// Excel's first line that should name the delimiter, and does not.
    case badDeclaration(String)
    /// None of these fields has a column.
    case missingColumns(fields: [String], seen: [String])
    case duplicateHeader(field: String, column: String)
    case ambiguousColumns(field: String, columns: [String])
    case unknownColumn(field: String, column: String, seen: [String])
    case unknownField(String, known: [String])
    case columnUsedTwice(column: String, fields: [String])

    /// What a file that is not text turned out to be.
    package enum BinaryKind: String, Hashable, Sendable {
        case workbook = "an Excel workbook"
        case pdf = "a PDF document"
        case compressed = "a compressed archive"
        case unknown = "not text: it holds zero bytes"
    }
}

extension FileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound: "the file does not exist: check the path."
        case .isDirectory: "this is a folder: name the CSV file inside it."
        case .notAFile: "this is not a plain file: save the data to a file first, for it is read more than once."
        case .noPermission: "no permission to open the file: make it readable for this user (chmod u+r)."
        case .cannotRead(let reason):
            "the file cannot be read (\(reason)): check the disk or copy the file and try again."
        case .cannotWrite(let reason):
            "the file cannot be written (\(reason)): free some space or choose another folder."
        case .noPlace(let reason):
            "no file can be written there (\(reason)): name a file in a folder that exists and is yours to write in."
        case .changedWhileReading: "the file changed while it was read: close it in other programs and start again."
        case .empty: "the file is empty: export it again, with a header line and one row a client."
        case .binary(let kind): Self.describe(kind)
        case .unknownEncoding, .mixedEncodings, .wrongEncoding, .recordTooLong, .unclosedQuote: describeContent
        default: describeColumns
        }
    }

    private static func describe(_ kind: BinaryKind) -> String {
        switch kind {
        case .workbook: "this is an Excel workbook: in Excel, save it as \"CSV UTF-8 (comma delimited)\"."
        case .pdf, .compressed: "this is \(kind.rawValue): give the CSV file itself."
        case .unknown:
            "this is \(kind.rawValue): save it as CSV UTF-8, or say --encoding utf-16le if it is UTF-16."
        }
    }

    private var describeContent: String {
        switch self {
        case .unknownEncoding(let line):
            "unknown encoding: line \(line) is neither UTF-8 nor Windows-1252: save the file as CSV UTF-8."
        case .mixedEncodings(let line):
            "line \(line) is not UTF-8 but other lines are: save the whole file as CSV UTF-8, or say --encoding."
        case .wrongEncoding(let encoding, let line):
            "line \(line) is not \(encoding.rawValue): save the file as CSV UTF-8, or correct --encoding."
        case .recordTooLong(let line, let limit):
            "the record on line \(line) is longer than \(limit) bytes: check that the file has line ends."
        case .unclosedQuote(let line, let limit):
            "the quote that opens on line \(line) is \(limit.map { "not closed within \($0) bytes" } ?? "never closed"): "
                + "close it, or double quotes that belong to the text."
        default: ""
        }
    }

    private var describeColumns: String {
        switch self {
        case .oneColumn(let header):
            "one column only (\(Self.list([header]))): separate columns by ; , tab or |, "
                + "or say --delimiter ';' if one column is meant."
        case .noHeader(let value):
            "the first line holds data (\(Self.list([value]))), not column names: "
                + "put a header line such as name;siret above it."
        case .noRows(let header):
            "there is no row below the header (\(Self.list(header))): export the file again, with one row a client."
        case .missingColumn(let field, let accepted, let seen):
            "no column for \(field) among \(Self.list(seen)): call it \(accepted.prefix(8).joined(separator: ", ")), …, "
                + "or add --map \(field)=COLUMN."
        case .headerBelow(let line, let first):
            "the first line (\(Self.list([first]))) is no header, line \(line) is: delete what stands above it."
        case .wrongDelimiter(let delimiter, let better):
            "the cells are separated by \(better.name), not by \(delimiter.name): say --delimiter '\(better.name)'."
        case .badDeclaration(let text):
            "the first line (\(Self.list([text]))) names no delimiter: write it as sep=; without quotes, or delete it."
        case .missingColumns(let fields, let seen):
            "no column for any of \(fields.joined(separator: ", ")) among \(Self.list(seen)): rename a column, "
                + "or add --map \(fields.first ?? "")=COLUMN."
        case .duplicateHeader(let field, let column):
            "several columns are called \(Self.list([column])): rename one, or choose by place with --map \(field)=#1."
        case .ambiguousColumns(let field, let columns):
            "the columns \(Self.list(columns)) could all be \(field): choose one with --map \(field)=COLUMN."
        case .unknownColumn(let field, let column, let seen):
            "--map \(field)=\(Self.oneLine(column)) names no column: "
                + "use one of \(Self.list(seen)), or a place such as #1."
        case .unknownField(let field, let known):
            "--map \(Self.oneLine(field))=… names no field: use one of \(known.joined(separator: ", "))."
        case .columnUsedTwice(let column, let fields):
            "the column \(Self.list([column])) is mapped to \(fields.joined(separator: " and ")): "
                + "give each field a column of its own."
        default: ""
        }
    }

    /// Column names fit for one line of a log: at most 12, 40 characters each, without line ends.
    private static func list(_ names: [String]) -> String {
        let shown = names.filter { !$0.isEmpty }.prefix(12).map { "\"\(oneLine($0))\"" }.joined(separator: ", ")
        return names.count > 12 ? shown + ", …" : shown
    }

    private static func oneLine(_ text: String) -> String {
        CellText.excerpt(text)
    }
}
