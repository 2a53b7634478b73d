/// Takes the rows of one `COPY … FROM STDIN`. Sends them in pieces of about 64 kB and waits while the server is slower.
package final class CopyWriter: Sendable {
    private static let pieceSize = 65_536

    private let connection: PostgresConnection
    private let columnCount: Int
    private let deadline: Duration?
    private let buffer = CopyBuffer()

    /// - Parameter deadline: For each piece, and for the server's last answer.
    init(_ connection: PostgresConnection, columnCount: Int, _ deadline: Duration?) {
        self.connection = connection
        self.columnCount = columnCount
        self.deadline = deadline
    }

    /// Writes one row: a value a column, in the columns' order.
    ///
    /// - Throws: ``PostgresError``. `.encoding`: a value cannot be sent. A value that does not fit its column is only
    ///   noticed at the end.
    package func row(_ values: any PostgresEncodable...) async throws(PostgresError) {
        try await row(values)
    }

    package func row(_ values: [any PostgresEncodable]) async throws(PostgresError) {
        guard values.count == columnCount else {
            throw PostgresError(.encoding, "\(values.count) values for \(columnCount) columns")
        }
        if let piece = try buffer.add(values, orTake: Self.pieceSize) {
            _ = try await connection.perform(.copyData(piece), deadline)
        }
    }

    func write(
        into table: String,
        columns: [String],
        rows body: (CopyWriter) async throws -> Void
    ) async throws -> Int {
        let names = columns.map(SQL.quoted).joined(separator: ", ")
        let place = table.split(separator: ".").map { SQL.quoted(String($0)) }.joined(separator: ".")
        _ = try await connection.perform(.startCopy("COPY \(place) (\(names)) FROM STDIN"), deadline)
        do {
            try await body(self)
            let rest = buffer.takeAll()
            if !rest.isEmpty { _ = try await connection.perform(.copyData(rest), deadline) }
            try Task.checkCancellation()
        } catch {
            await abort()
            throw error
        }
        return try await connection.perform(.endCopy(abort: nil), deadline).first?.affectedRows ?? 0
    }

    /// The server answers an aborted copy with an error, always; the body's error is what matters. Without any answer
    /// the session is closed by the deadline.
    private func abort() async {
        let request = Request.endCopy(abort: "the client gave up")
        _ = await connection.channel.perform(request, within: .seconds(5), isShielded: true)
    }
}
