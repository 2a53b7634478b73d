import Foundation
import Postgres

/// The clock that a database's schedules go by, in a test's hands. Nothing else of the database sees it.
package struct ScheduleClock: Sendable {
    private let database: Database

    /// Stops it at an instant.
    package init(_ database: Database, at start: Date) async throws {
        self.database = database
        try await database.execute("CREATE TABLE test_clock (at timestamptz NOT NULL)")
        try await database.execute("INSERT INTO test_clock VALUES (\(start))")
        try await database.execute(
            """
            CREATE OR REPLACE FUNCTION queue.schedule_clock() RETURNS timestamptz
            LANGUAGE sql STABLE AS 'SELECT at FROM public.test_clock'
            """
        )
    }

    /// Moves it, and tells the workers, who would otherwise sleep until they think that it is time.
    package func set(_ instant: Date) async throws {
        try await database.pipeline([
            "UPDATE test_clock SET at = \(instant)", "SELECT pg_notify('queue_schedules', '')",
        ])
    }
}
