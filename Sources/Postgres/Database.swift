import Logging

/// A PostgreSQL database, reached through a pool of connections that are made when they are first needed.
///
/// A server that cannot be reached is reported at once; whether to try again is the caller's decision
/// (``PostgresError/isTransient``).
package final class Database: SQLExecutor {
    private let pool: ConnectionPool

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        pool = ConnectionPool(configuration, logger: logger)
    }

    deinit {
        pool.close()
    }

    /// Runs one statement in a transaction of its own.
    @discardableResult
    package func query(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> [Row] {
        let connection = try await pool.acquire()
        defer { pool.release(connection) }
        return try await connection.query(sql, deadline: deadline)
    }

    /// Runs one statement in a transaction of its own.
    @discardableResult
    package func execute(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> Int {
        let connection = try await pool.acquire()
        defer { pool.release(connection) }
        return try await connection.execute(sql, deadline: deadline)
    }

    /// Runs statements in one round trip and one transaction: all or none.
    @discardableResult
    package func pipeline(_ statements: [SQL], deadline: Duration?) async throws(PostgresError) -> [[Row]] {
        let connection = try await pool.acquire()
        defer { pool.release(connection) }
        return try await connection.pipeline(statements, deadline: deadline)
    }

    /// Commits what the body did when it returns, rolls back when it throws.
    ///
    /// - Throws: What the body threw, unchanged, or the ``PostgresError`` of a step. Nothing was kept then, unless the
    ///   step is `.commit` and `outcomeUnknown` is set.
    package func transaction<T>(
        isolation: IsolationLevel = .readCommitted,
        _ body: (Transaction) async throws -> T
    ) async throws -> T {
        try await withConnection { try await Transaction.run(on: $0, isolation, body) }
    }

    /// Lends one connection for the body's time. A transaction left open by it is rolled back by closing the connection.
    package func withConnection<T>(_ body: (PostgresConnection) async throws -> T) async throws -> T {
        let connection = try await pool.acquire()
        defer { pool.release(connection) }
        return try await body(connection)
    }

    /// Lets every connection plan its prepared statements anew at their next use: the server keeps a plan that it made for
    /// small tables when they have become large, until it next collects statistics. Costs no round trip.
    package func forgetPlans() {
        pool.forgetPlans()
    }

    /// How many callers wait for a connection now.
    package var waiting: Int { pool.waiting }

    /// Closes the idle connections now and the others when they come back.
    package func close() async {
        pool.close()
    }
}
