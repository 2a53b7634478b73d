/// Why a statement, a connection or a migration did not do what was asked.
package struct PostgresError: Error, Sendable {
    package enum Kind: Sendable, Hashable {
        /// No server answered: refused, unknown host, starting up, shutting down or full.
        case unavailable
        /// The server does not know the user, or the password is wrong.
        case authenticationFailed
        /// The connection could not be made for a reason that waiting does not cure, such as an unknown database.
        case refused
        /// The connection ended under a statement.
        case connectionLost
        /// No answer came in time, and the statement was stopped.
        case deadlineExceeded
        /// The task was cancelled, and the statement with it.
        case cancelled
        /// Every connection of the pool stayed in use for the whole wait.
        case poolTimeout
        /// The pool or the connection had been closed, or was used wrongly.
        case unusable
        /// The server refused the statement: see `sqlState`.
        case server
        /// A column does not hold what was asked of it.
        case decoding
        /// A value cannot be sent.
        case encoding
        /// The connection URL cannot be read.
        case configuration
        /// The database and the shipped migrations disagree.
        case migration
        /// A shipped migration is not applied yet.
        case outdatedSchema
    }

    package var kind: Kind
    /// The primary message: ours, or the server's.
    var message: String
    /// The server's code of five characters. Known for some failed connections too.
    package var sqlState: String?
    /// The migration that failed, for example.
    var context: String?
    /// Which step of a transaction failed. `nil` outside of one.
    package var step: TransactionStep?
    /// The connection was lost after something that commits had been sent: it may or may not have happened.
    package var outcomeUnknown = false

    package var constraint: String?
    package var table: String?
    package var column: String?
    /// The statement's text, without its values.
    var statement: String?
    /// The server's DETAIL. It quotes rows, so `description` leaves it out.
    var detail: String?
    var hint: String?

    init(_ kind: Kind, _ message: String, sqlState: String? = nil) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
    }

    /// Whether the same thing may succeed later with nothing changed by anyone.
    package var isTransient: Bool {
        switch kind {
        case .unavailable, .connectionLost, .deadlineExceeded, .poolTimeout: true
        case .server: SQLState.isTransient(sqlState ?? "")
        default: false
        }
    }
}

/// A step of a transaction, as an error names it.
package enum TransactionStep: Sendable, Hashable, CustomStringConvertible {
    case begin
    /// Counted from 1 within the transaction.
    case statement(Int)
    case commit
    case rollback

    package var description: String {
        switch self {
        case .begin: "BEGIN"
        case .statement(let number): "statement \(number)"
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        }
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Fit for a log: no value, no row, no password.
    package var description: String {
        var text = "PostgreSQL: "
        if let context { text += "\(context): " }
        if let step { text += "\(step) of a transaction: " }
        // Class 22 quotes the value that was refused.
        text += sqlState?.hasPrefix("22") == true ? "a value was refused (data exception)" : message
        if let sqlState { text += " [\(sqlState)]" }
        if let column { text += ", column \(column)" }
        if outcomeUnknown { text += "; it is not known whether the change was made" }
        return text
    }

    /// For a person on call: may quote the row that was refused.
    package var debugDescription: String {
        var lines = ["\(description) (\(kind))"]
        if sqlState != nil { lines.append("MESSAGE: \(message)") }
        if let detail { lines.append("DETAIL: \(detail)") }
        if let hint { lines.append("HINT: \(hint)") }
        if let table { lines.append("TABLE: \(table)") }
        if let constraint { lines.append("CONSTRAINT: \(constraint)") }
        if let statement { lines.append("STATEMENT: \(statement)") }
        return lines.joined(separator: "\n")
    }
}
