import Foundation

/// One numbered SQL file. Once shipped, its text never changes.
package struct Migration: Sendable, Hashable {
    package var version: Int
    package var name: String
    /// One or several statements, run in one transaction: no `CREATE INDEX CONCURRENTLY`.
    package var sql: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }
}

/// What the database knows of a migration.
package struct MigrationStatus: Sendable, Hashable {
    package var version: Int
    package var name: String
    /// `nil`: not yet applied.
    package var appliedAt: Date?
    /// `false`: a newer program has applied it.
    package var isShipped: Bool
}
