import Postgres

/// How fresh the tables of clients are, and what a person has to decide.
package struct SyncOverview: Sendable {
    package struct Stream: Sendable {
        /// `clients` or `pdp`.
        package let name: String
        package let account: String
        /// Seconds since it was last read completely; `nil`: never.
        package let age: Int?
        package let promise: Int
        package let isKept: Bool
        package let rows: Int
        /// How many of 100 are as fresh as promised.
        package let coverage: Double?
        /// `complete` or `partial`; `nil`: never read.
        package let lastOutcome: String?
        package let warning: String?
    }

    /// Those that were ever synced.
    package let streams: [Stream]
}

extension SyncStore {
    package func overview() async throws -> SyncOverview {
        let rows = try await database.query(
            """
            SELECT stream, account, age_seconds, promise_seconds, is_kept, rows, coverage_percent::float8, last_outcome, warning
              FROM reporting.freshness ORDER BY account, stream
            """
        )
        return SyncOverview(
            streams: try rows.map { row in
                let (name, account, age, promise, isKept, rows, coverage, outcome, warning) = try row.decode(
                    (
                        String.self, String.self, Int?.self, Int.self, Bool.self, Int.self, Double?.self, String?.self,
                        String?.self
                    )
                )
                return SyncOverview.Stream(
                    name: name,
                    account: account,
                    age: age,
                    promise: promise,
                    isKept: isKept,
                    rows: rows,
                    coverage: coverage,
                    lastOutcome: outcome,
                    warning: warning
                )
            }
        )
    }
}
