import Foundation

/// Brings a database to the state that this program needs, one file at a time, forward only.
package struct Migrator: Sendable {
    /// The key of the advisory lock that lets one migrator work at a time.
    private static let lockKey = 7_261_390_418
    /// For one file.
    private static let deadline = Duration.seconds(3600)

    private let database: Database
    /// In the order of their versions.
    private let migrations: [Migration]

    package init(_ database: Database, migrations: [Migration]) {
        self.database = database
        self.migrations = migrations.sorted { $0.version < $1.version }
    }

    /// Applies what is missing, each file in a transaction of its own. Several programs may call this at once: one works,
    /// the others wait and find nothing to do.
    ///
    /// - Returns: What this call applied.
    /// - Throws: ``PostgresError``. `.migration`: a shipped file changed, is missing here, or comes before one that is
    ///   applied; nothing was done. Any other: a file failed; those before it are applied, nothing of it is kept.
    package func apply() async throws -> [Migration] {
        try await createTable()
        var applied: [Migration] = []
        while let migration = try await applyNext() {
            applied.append(migration)
        }
        return applied
    }

    /// Every migration that is shipped or applied, in the order of versions. Writes nothing.
    package func status() async throws -> [MigrationStatus] {
        guard try await tableExists() else { return migrations.map { status(of: $0, [:]) } }
        let applied = try await applied(on: database)
        let shipped = Set(migrations.map(\.version))
        let newer = applied.values.filter { !shipped.contains($0.version) }.map {
            MigrationStatus(version: $0.version, name: $0.name, appliedAt: $0.appliedAt, isShipped: false)
        }
        return (migrations.map { status(of: $0, applied) } + newer).sorted { $0.version < $1.version }
    }

    /// Whether this program can work with the database as it is. A newer database is fine: migrations only add.
    ///
    /// - Throws: ``PostgresError`` of kind `.outdatedSchema`: a shipped file is not applied; `.migration`: one was applied
    ///   with another text.
    package func check() async throws {
        let applied = try await tableExists() ? applied(on: database) : [:]
        if let missing = migrations.first(where: { applied[$0.version] == nil }) {
            throw PostgresError(.outdatedSchema, "migration \(missing.label) is not applied: run migrate")
        }
        try await refuseChanges(applied, on: database)
    }

    private struct Applied {
        var version: Int
        var name: String
        var checksum: [UInt8]
        var appliedAt: Date
    }

    /// - Returns: `nil` when nothing is missing.
    private func applyNext() async throws -> Migration? {
        try await database.transaction { transaction in
            try await takeLock(transaction)
            let applied = try await applied(on: transaction)
            try refuseDisorder(applied)
            try await refuseChanges(applied, on: transaction)
            guard let next = migrations.first(where: { applied[$0.version] == nil }) else { return nil }
            do {
                try await transaction.run(script: next.sql, deadline: Self.deadline)
            } catch var error as PostgresError {
                error.context = "migration \(next.label)"
                throw error
            }
            try await transaction.execute(
                """
                INSERT INTO public.schema_migrations (version, name, checksum)
                VALUES (\(next.version), \(next.name), sha256(\(Array(next.sql.utf8))))
                """
            )
            return next
        }
    }

    private func createTable() async throws {
        guard try await !tableExists() else { return }
        try await database.transaction { transaction in
            // CREATE … IF NOT EXISTS is not safe against itself.
            try await takeLock(transaction)
            try await transaction.execute(
                """
                CREATE TABLE IF NOT EXISTS public.schema_migrations (
                    version    integer PRIMARY KEY,
                    name       text NOT NULL,
                    checksum   bytea NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                )
                """
            )
        }
    }

    /// A transaction's lock and not a session's, which a PgBouncer would leave behind.
    private func takeLock(_ transaction: Transaction) async throws {
        // A migration may take long, and those that wait for it too.
        try await transaction.pipeline([
            "SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0",
            "SET LOCAL idle_in_transaction_session_timeout = '10min'",
        ])
        try await transaction.execute("SELECT pg_advisory_xact_lock(\(Self.lockKey))", deadline: Self.deadline)
    }

    private func tableExists() async throws -> Bool {
        let rows = try await database.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS found")
        return try rows[0].decode("found")
    }

    private func applied(on executor: some SQLExecutor) async throws -> [Int: Applied] {
        let rows = try await executor.query("SELECT version, name, checksum, applied_at FROM public.schema_migrations")
        let applied = try rows.map { row in
            Applied(
                version: try row.decode("version"),
                name: try row.decode("name"),
                checksum: try row.decode("checksum"),
                appliedAt: try row.decode("applied_at")
            )
        }
        return Dictionary(uniqueKeysWithValues: applied.map { ($0.version, $0) })
    }

    private func refuseDisorder(_ applied: [Int: Applied]) throws {
        guard let last = applied.keys.max() else { return }
        if let late = migrations.first(where: { $0.version < last && applied[$0.version] == nil }) {
            throw PostgresError(
                .migration,
                "migration \(late.label) comes before \(last), which is applied already: give it a higher number"
            )
        }
        let shipped = Set(migrations.map(\.version))
        if let missing = applied.values.filter({ !shipped.contains($0.version) }).min(by: { $0.version < $1.version }) {
            throw PostgresError(
                .migration,
                "the database has migration \(missing.version) (\(missing.name)), which this program does not know: "
                    + "run the newer program, or restore the file"
            )
        }
    }

    private func refuseChanges(_ applied: [Int: Applied], on executor: some SQLExecutor) async throws {
        let known = migrations.filter { applied[$0.version] != nil }
        let checksums = try await executor.query(
            """
            SELECT sha256(text) AS checksum
              FROM unnest(\(known.map { Array($0.sql.utf8) })::bytea[]) WITH ORDINALITY AS files (text, place)
             ORDER BY place
            """
        )
        for (migration, row) in zip(known, checksums) {
            guard try row.decode("checksum") == applied[migration.version]?.checksum else {
                throw PostgresError(
                    .migration,
                    "migration \(migration.label) was changed after it was applied: restore its text and put the "
                        + "change into a new file"
                )
            }
        }
    }

    private func status(of migration: Migration, _ applied: [Int: Applied]) -> MigrationStatus {
        let appliedAt = applied[migration.version]?.appliedAt
        return MigrationStatus(
            version: migration.version,
            name: migration.name,
            appliedAt: appliedAt,
            isShipped: true
        )
    }
}

extension Migration {
    fileprivate var label: String { "\(version) (\(name))" }
}
