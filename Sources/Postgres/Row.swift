/// One row of an answer. Values are read from it when they are asked for.
package struct Row: Sendable {
    let result: QueryResult
    let index: Int

    /// The columns' names, in order.
    package var columns: [String] { result.columns }

    /// - Throws: ``PostgresError`` of kind `.decoding`, which names the column and the type, never the value.
    package func decode<T: PostgresDecodable>(_ column: String, as type: T.Type = T.self) throws(PostgresError) -> T {
        guard let position = result.columns.firstIndex(of: column) else {
            let known = result.columns.joined(separator: ", ")
            throw PostgresError(.decoding, "the answer has no column \(column), only \(known)")
        }
        return try decode(at: position, as: type)
    }

    /// The first columns, in order: `let (id, name) = try row.decode((Int64.self, String.self))`.
    ///
    /// - Throws: As ``decode(_:as:)``.
    package func decode<each T: PostgresDecodable>(
        _ types: (repeat (each T).Type)
    ) throws(PostgresError) -> (repeat each T) {
        var position = -1
        func next<U: PostgresDecodable>(_ type: U.Type) throws(PostgresError) -> U {
            position += 1
            return try decode(at: position, as: type)
        }
        return (repeat try next((each T).self))
    }

    /// - Parameter position: Counted from 0.
    /// - Throws: As ``decode(_:as:)``.
    package func decode<T: PostgresDecodable>(at position: Int, as type: T.Type = T.self) throws(PostgresError) -> T {
        guard result.columns.indices.contains(position) else {
            throw PostgresError(.decoding, "the answer has \(result.columns.count) columns, not \(position + 1)")
        }
        guard let text = result.text(row: index, column: position) else {
            guard let value = T.postgresNull else { throw unreadable(position, "NULL is not a \(T.self)") }
            return value
        }
        guard let value = T(postgresText: text) else { throw unreadable(position, "its text is not a \(T.self)") }
        return value
    }

    private func unreadable(_ position: Int, _ reason: String) -> PostgresError {
        var error = PostgresError(.decoding, reason)
        error.column = result.columns[position]
        return error
    }
}

extension QueryResult {
    var rows: [Row] {
        (0..<rowCount).map { Row(result: self, index: $0) }
    }
}
