/// What the server's codes mean to a caller.
enum SQLState {
    static let queryCancelled = "57014"

    /// Codes after which the same statement may succeed.
    static func isTransient(_ code: String) -> Bool {
        switch code {
        case "40001", "40P01": true  // serialization failure, deadlock
        case "55P03", queryCancelled: true  // lock_timeout, statement_timeout
        case "25006": true  // read-only: a standby that is about to be promoted
        case "25P03", "57P05": true  // idle_in_transaction_session_timeout, idle_session_timeout
        case "57P01", "57P02", "57P03": true  // shutting down, crashed, starting up
        default: code.hasPrefix("53") || code.hasPrefix("08")
        }
    }

    /// A prepared statement that is gone, or whose result has changed its columns since.
    static func isStalePlan(_ code: String) -> Bool {
        code == "26000" || code == "0A000"
    }

    /// The kind of a failure to connect, and its cure.
    /// - Parameters:
    ///   - words: The server's.
    ///   - url: What the user calls the connection URL.
    static func connectionFailure(
        _ code: String?,
        words: String = "",
        url: String
    ) -> (kind: PostgresError.Kind, cure: String) {
        switch code {
        case let code? where code.hasPrefix("28"):
            (.authenticationFailed, "check the user and the password in \(url)")
        case "3D000":
            (.refused, "create that database, or correct its name in \(url)")
        case "53300":
            (.unavailable, "raise the server's max_connections or make the pools smaller")
        case "57P01", "57P02", "57P03":
            (.unavailable, "the server is starting or stopping, wait for it")
        // PgBouncer says all it has to say with this code.
        case "08P01" where words.contains("startup parameter"):
            (.refused, "a PgBouncer takes no settings from its clients: do not send any")
        case "08P01":
            (.unavailable, "see the pooler's own words and its log")
        case let code? where isTransient(code):
            (.unavailable, "the server cannot serve this now, wait for it")
        case nil:
            (.unavailable, "check that PostgreSQL runs there and that \(url) names its host and port")
        default:
            (.refused, "see the server's own words")
        }
    }
}
