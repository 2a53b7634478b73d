/// Something that keeps the server from cleaning up rows that nobody needs any more, so that every queue on it slows
/// down.
package struct HeldSnapshot: Sendable {
    /// Fit for a message: which transaction of whom.
    package let holder: String
    /// `nil`: for an unknown time.
    package let age: Duration?
}

extension Database {
    /// What holds back the clean-up of this database for longer than `limit`, the oldest first. Sessions of other users
    /// are seen only where ``ServerFacts/seesOthers``.
    package func heldSnapshots(longerThan limit: Duration) async throws -> [HeldSnapshot] {
        let rows = try await query(
            """
            SELECT holder, age
              FROM (SELECT format('process %s (user %s, %s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no name'), state),
                           extract(epoch FROM clock_timestamp() - xact_start)::float8
                      FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                       AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
                    UNION ALL
                    SELECT format('the prepared transaction %L of %s', gid, owner), extract(epoch FROM clock_timestamp() - prepared)::float8
                      FROM pg_prepared_xacts WHERE database = current_database()
                    UNION ALL
                    SELECT format('the replication slot %s, which nobody reads', slot_name), NULL
                      FROM pg_replication_slots WHERE NOT active AND xmin IS NOT NULL) AS held (holder, age)
             WHERE age IS NULL OR age > extract(epoch FROM \(limit)::interval)
             ORDER BY age DESC NULLS LAST
            """
        )
        return try rows.map { row in
            let (holder, age) = try row.decode((String.self, Double?.self))
            return HeldSnapshot(holder: holder, age: age.map { .seconds($0) })
        }
    }
}
