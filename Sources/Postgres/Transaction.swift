import Synchronization

package enum IsolationLevel: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}

/// A transaction that is open. Its errors tell which statement failed. Usable only inside of the body it was given to.
package final class Transaction: SQLExecutor {
    private let connection: PostgresConnection
    private let statementCount = Atomic(0)
    private let isOver = Atomic(false)

    init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    @discardableResult
    package func query(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> [Row] {
        try await step { connection throws(PostgresError) in try await connection.query(sql, deadline: deadline) }
    }

    @discardableResult
    package func execute(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> Int {
        try await step { connection throws(PostgresError) in try await connection.execute(sql, deadline: deadline) }
    }

    @discardableResult
    package func pipeline(_ statements: [SQL], deadline: Duration?) async throws(PostgresError) -> [[Row]] {
        try await step { connection throws(PostgresError) in
            try await connection.pipeline(statements, deadline: deadline)
        }
    }

    /// Runs trusted text of one or several statements, such as a migration file.
    func run(script: String, deadline: Duration) async throws(PostgresError) {
        try await step { connection throws(PostgresError) in
            _ = try await connection.run(script: script, deadline: deadline)
        }
    }

    /// Writes rows with `COPY … FROM STDIN`, the fastest way in.
    ///
    /// - Parameter table: Its name, or `schema.name`. Neither part may hold a dot.
    /// - Parameter body: Gives the rows to the writer. When it throws, nothing of the copy is kept, and the
    ///   transaction has failed.
    /// - Returns: How many rows were written.
    /// - Throws: ``PostgresError``, or what `body` threw.
    @discardableResult
    package func copy(
        into table: String,
        columns: [String],
        deadline: Duration? = nil,
        rows body: (CopyWriter) async throws -> Void
    ) async throws -> Int {
        let number = try nextStep()
        let writer = CopyWriter(connection, columnCount: columns.count, deadline)
        do {
            return try await writer.write(into: table, columns: columns, rows: body)
        } catch var error as PostgresError where error.step == nil {
            error.step = .statement(number)
            throw error
        }
    }

    /// Runs the body between BEGIN and COMMIT, or ROLLBACK when it throws.
    static func run<T>(
        on connection: PostgresConnection,
        _ isolation: IsolationLevel,
        _ body: (Transaction) async throws -> T
    ) async throws -> T {
        do {
            try await connection.run(script: "BEGIN ISOLATION LEVEL \(isolation.rawValue)")
        } catch {
            throw error.at(.begin, outcomeUnknown: false)
        }
        let transaction = Transaction(connection)
        let value: T
        do {
            value = try await body(transaction)
        } catch {
            transaction.isOver.store(true, ordering: .relaxed)
            await rollBack(connection)
            throw error
        }
        transaction.isOver.store(true, ordering: .relaxed)
        try await commit(connection)
        return value
    }

    /// Not cancellable: the body has ended well, and half-way through nobody could tell what became of it.
    private static func commit(_ connection: PostgresConnection) async throws(PostgresError) {
        let tag: String
        do {
            tag = try await connection.run(script: "COMMIT", isShielded: true)
        } catch {
            // Only the server's own refusal says for sure that nothing was kept.
            throw error.at(.commit, outcomeUnknown: error.kind != .server)
        }
        guard tag == "COMMIT" else {
            let message = "rolled back, as a statement had failed and its error was swallowed"
            throw PostgresError(.unusable, message).at(.commit, outcomeUnknown: false)
        }
    }

    /// A session that cannot roll back is closed, which makes the server do it; the body's error is what matters.
    private static func rollBack(_ connection: PostgresConnection) async {
        do {
            try await connection.run(script: "ROLLBACK", deadline: .seconds(5), isShielded: true)
        } catch {
            connection.channel.close()
        }
    }

    private func nextStep() throws(PostgresError) -> Int {
        guard !isOver.load(ordering: .relaxed) else {
            throw PostgresError(.unusable, "the transaction is over: use it only inside of its body")
        }
        return statementCount.add(1, ordering: .relaxed).newValue
    }

    private func step<T>(
        _ body: (PostgresConnection) async throws(PostgresError) -> T
    ) async throws(PostgresError) -> T {
        let number = try nextStep()
        do {
            return try await body(connection)
        } catch {
            throw error.at(.statement(number), outcomeUnknown: false)
        }
    }
}

extension PostgresError {
    fileprivate func at(_ step: TransactionStep, outcomeUnknown: Bool) -> PostgresError {
        var error = self
        error.step = step
        error.outcomeUnknown = outcomeUnknown
        return error
    }
}
