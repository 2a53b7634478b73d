import CLibpq

/// One answer of the server, kept as long as a row of it is.
///
/// A PGresult is never written after it was received, so any thread may read it.
final class QueryResult: @unchecked Sendable {
    private let result: OpaquePointer
    let columns: [String]

    init(_ result: OpaquePointer) {
        self.result = result
        columns = (0..<PQnfields(result)).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
    }

    deinit {
        PQclear(result)
    }

    var status: ExecStatusType { PQresultStatus(result) }

    var rowCount: Int { Int(PQntuples(result)) }

    /// The rows that INSERT, UPDATE, DELETE, COPY or SELECT touched; 0 for anything else.
    var affectedRows: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// For example `COMMIT`.
    var commandTag: String { String(cString: PQcmdStatus(result)) }

    /// - Returns: `nil` for NULL.
    func text(row: Int, column: Int) -> String? {
        let (row, column) = (Int32(row), Int32(column))
        guard PQgetisnull(result, row, column) == 0, let bytes = PQgetvalue(result, row, column) else { return nil }
        let count = Int(PQgetlength(result, row, column))
        return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
            String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
        }
    }

    /// The server's refusal, if this is one.
    var error: PostgresError? {
        guard status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE else { return nil }
        let sqlState = field("C")
        let message = field("M") ?? String(cString: PQresultErrorMessage(result)).singleLine
        var error = PostgresError(.server, message, sqlState: sqlState)
        error.detail = field("D")
        error.hint = field("H")
        error.table = field("t")
        error.column = field("c")
        error.constraint = field("n")
        return error
    }

    /// - Parameter code: The protocol's letter for the field, as libpq's `PG_DIAG_…` macros define it.
    private func field(_ code: Unicode.Scalar) -> String? {
        PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
    }
}

extension String {
    /// libpq ends its messages with a line feed and indents what follows.
    var singleLine: String {
        split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(separator: " ")
    }
}
