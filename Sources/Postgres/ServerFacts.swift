import Foundation

/// What a server says of itself, and of the session that asked.
package struct ServerFacts: Sendable {
    /// As the server counts: 150004 is 15.4.
    package let version: Int
    package let versionName: String
    package let user: String
    package let database: String
    /// Reads only: a replica of another server.
    package let isStandby: Bool
    /// Refuses this session's writes, though it is no standby: `default_transaction_read_only`.
    package let isReadOnly: Bool
    package let fsync: Bool
    package let fullPageWrites: Bool
    package let synchronousCommit: String
    package let synchronousStandbyNames: String
    /// What this session has; zero: transactions may stay open for ever.
    package let idleInTransactionTimeout: Duration
    /// Servers that copy from this one now.
    package let replicas: Int
    /// How many connections this user may have to this database, those that are reserved for superusers left out.
    package let connectionLimit: Int
    /// How many connections all users have now.
    package let connections: Int
    /// Whether this user may see what the sessions of others do.
    package let seesOthers: Bool
    /// The server's clock when it answered.
    package let clock: Date
}

extension Database {
    /// Asks the server about itself. Any user may.
    package func serverFacts() async throws -> ServerFacts {
        let rows = try await query(
            """
            SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS version_name,
                   current_user AS "user", current_database() AS database, pg_is_in_recovery() AS standby,
                   current_setting('default_transaction_read_only')::bool AS read_only,
                   current_setting('fsync')::bool AS fsync, current_setting('full_page_writes')::bool AS full_page_writes,
                   current_setting('synchronous_commit') AS synchronous_commit,
                   current_setting('synchronous_standby_names') AS standby_names,
                   (SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout') AS idle_timeout,
                   (SELECT count(*) FROM pg_stat_replication) AS replicas,
                   -- A limit of -1 is none.
                   (SELECT least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
                                 nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
                      FROM pg_roles r, pg_database d
                     WHERE r.rolname = current_user AND d.datname = current_database()) AS connection_limit,
                   (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL) AS connections,
                   pg_has_role('pg_read_all_stats', 'USAGE') AS sees_others,
                   clock_timestamp() AS clock
            """
        )
        return try ServerFacts(rows[0])
    }
}

extension ServerFacts {
    fileprivate init(_ row: Row) throws {
        version = try row.decode("version")
        versionName = try row.decode("version_name")
        user = try row.decode("user")
        database = try row.decode("database")
        isStandby = try row.decode("standby")
        isReadOnly = try row.decode("read_only")
        fsync = try row.decode("fsync")
        fullPageWrites = try row.decode("full_page_writes")
        synchronousCommit = try row.decode("synchronous_commit")
        synchronousStandbyNames = try row.decode("standby_names")
        idleInTransactionTimeout = .milliseconds(try row.decode("idle_timeout", as: Int.self))
        replicas = try row.decode("replicas")
        connectionLimit = try row.decode("connection_limit")
        connections = try row.decode("connections")
        seesOthers = try row.decode("sees_others")
        clock = try row.decode("clock")
    }
}
