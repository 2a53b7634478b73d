import CLibpq

/// Where the server is and how to use it.
package struct PostgresConfiguration: Sendable {
    package var maximumConnections = 8
    /// How long a caller waits for a free connection of the pool.
    package var poolTimeout: Duration = .seconds(10)
    /// To make one connection, name resolution apart: that has the system resolver's own limit.
    package var connectTimeout: Duration = .seconds(5)
    /// For one statement and its answer, unless the caller gives another.
    package var deadline: Duration = .seconds(30)
    /// The server's own limit, for when we are no longer there to enforce ours. `SET LOCAL` in a transaction raises it.
    package var statementTimeout: Duration = .seconds(30)
    package var lockTimeout: Duration = .seconds(5)
    package var idleInTransactionTimeout: Duration = .seconds(30)
    /// Shown in `pg_stat_activity`; an `application_name` in the URL wins.
    package var applicationName = "factpulse-worker"
    /// How long sent bytes may stay unacknowledged before the connection counts as dead.
    package var tcpUserTimeout: Duration = .seconds(20)
    /// How long a silent connection stays unprobed.
    package var keepaliveIdle: Duration = .seconds(30)
    /// `false` for a PgBouncer that does not keep them.
    package var preparedStatements = true
    /// Whether to ask for the timeouts above at start. `false` for a PgBouncer, which refuses such requests: set them
    /// on the role there.
    package var sessionSettings = true

    /// What people call the URL, for messages that tell them to mend it.
    package let urlName: String
    /// libpq's keywords, as the URL gave them. One of them is the password.
    private let given: [String: String]

    /// - Parameter url: `postgresql://user:password@host:5432/database?sslmode=require`, or libpq's `key=value` form.
    ///   Empty: libpq's defaults and the `PG…` variables.
    /// - Throws: ``PostgresError`` of kind `.configuration`, which does not repeat the URL.
    package init(url: String, called urlName: String = "the connection URL") throws(PostgresError) {
        guard let options = PQconninfoParse(url, nil) else {
            throw PostgresError(
                .configuration,
                "\(urlName) cannot be read; write postgresql://user:password@host:5432/database "
                    + "and percent-encode special characters of the password"
            )
        }
        defer { PQconninfoFree(options) }
        var given: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            given[String(cString: keyword)] = option.pointee.val.map { String(cString: $0) }
            option += 1
        }
        self.given = given
        self.urlName = urlName
    }

    /// What the connection is made with: ours first, the URL's where it says otherwise.
    var parameters: [String: String] {
        var parameters = [
            "client_encoding": "UTF8",
            "fallback_application_name": applicationName,
            "keepalives": "1",
            "keepalives_idle": "\(keepaliveIdle.components.seconds)",
            "keepalives_interval": "5",
            "keepalives_count": "3",
            "tcp_user_timeout": "\(tcpUserTimeout.milliseconds)",
        ]
        parameters.merge(given) { $1 }
        if sessionSettings {
            parameters["options"] = ([sessionOptions] + [given["options"]].compactMap(\.self)).joined(separator: " ")
        }
        return parameters
    }

    /// The text formats we read and write depend on the date style, which a server may have changed.
    private var sessionOptions: String {
        [
            "statement_timeout=\(statementTimeout.milliseconds)",
            "lock_timeout=\(lockTimeout.milliseconds)",
            "idle_in_transaction_session_timeout=\(idleInTransactionTimeout.milliseconds)",
            "datestyle=ISO", "bytea_output=hex", "extra_float_digits=1",
        ].map { "-c \($0)" }.joined(separator: " ")
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
    /// Where it connects to, without the password.
    package var description: String {
        let shown = ["host", "hostaddr", "port", "dbname", "user", "service", "sslmode"]
        let parts = shown.compactMap { key in given[key].map { "\(key)=\($0)" } }
        return parts.isEmpty ? "libpq's defaults" : parts.joined(separator: " ")
    }

    /// `dump` must not show the password either.
    package var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

extension Duration {
    /// Rounded up, so that a short time does not become 0, which means "for ever" to Postgres.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
