/// Something that runs statements: the pool, one connection of it, or a transaction.
///
/// Every error is a ``PostgresError``. A cancelled task stops its statement on the server.
package protocol SQLExecutor: Sendable {
    /// - Parameter deadline: For the statement and its whole answer; `nil`: the configuration's, 30 seconds. When it
    ///   passes, the statement is cancelled on the server; a server that does not react in 2 seconds more loses the
    ///   connection.
    /// - Returns: The rows, which stay readable for as long as they are kept.
    @discardableResult
    func query(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> [Row]

    /// - Parameter deadline: As for `query`.
    /// - Returns: How many rows were written or read; 0 for a statement that does neither.
    @discardableResult
    func execute(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> Int

    /// Runs statements in one round trip. Outside of a transaction they are one: the first error undoes them all.
    ///
    /// - Returns: Each statement's rows.
    @discardableResult
    func pipeline(_ statements: [SQL], deadline: Duration?) async throws(PostgresError) -> [[Row]]
}

extension SQLExecutor {
    @discardableResult
    package func query(_ sql: SQL) async throws(PostgresError) -> [Row] {
        try await query(sql, deadline: nil)
    }

    @discardableResult
    package func execute(_ sql: SQL) async throws(PostgresError) -> Int {
        try await execute(sql, deadline: nil)
    }

    @discardableResult
    package func pipeline(_ statements: [SQL]) async throws(PostgresError) -> [[Row]] {
        try await pipeline(statements, deadline: nil)
    }
}
