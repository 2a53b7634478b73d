import JobQueue
import Postgres

/// Which bulk runs are not over, or need somebody.
package struct BulkOverview: Sendable {
    package struct Run: Sendable {
        package let run: BulkRun
        /// Rows to which something will still happen by itself.
        package let open: Int
        /// Rows that a person has to decide about.
        package let needsReview: Int
        /// Rows that failed within a day.
        package let failed: Int
        package let health: RunHealth
    }

    /// The newest first.
    package let runs: [Run]
}

extension BulkStore {
    /// Runs that are staged, running or paused, or that have a row which needs review or failed within a day. Costs as
    /// much as they have such rows, whatever else is in them.
    package func overview() async throws -> BulkOverview {
        let rows = try await database.query(
            """
            WITH counts AS MATERIALIZED (
                SELECT run_id, count(*) FILTER (WHERE state <> 'needs_review') AS open,
                       count(*) FILTER (WHERE state = 'needs_review') AS needs_review,
                       count(*) FILTER (WHERE state IN ('sending', 'uncertain')) AS unsettled
                  FROM factpulse.bulk_rows
                 WHERE state IN ('staged', 'ready', 'sending', 'uncertain', 'needs_review')
                 GROUP BY run_id
            ), failed AS MATERIALIZED (
                SELECT run_id, count(*) AS failed FROM factpulse.bulk_rows
                 WHERE state = 'failed' AND updated_at > now() - interval '1 day' GROUP BY run_id
            )
            SELECT r.*, coalesce(c.open, 0) AS open, coalesce(c.needs_review, 0) AS needs_review, coalesce(f.failed, 0) AS failed,
                   \(Self.healthColumns)
              FROM (\(Self.select)) r
              JOIN factpulse.bulk_runs b ON b.id = r.id
              LEFT JOIN counts c ON c.run_id = r.id
              LEFT JOIN failed f ON f.run_id = r.id,
                   LATERAL (\(Self.health(unsettled: "coalesce(c.unsettled > 0, false)"))) h
             WHERE r.state IN ('staged', 'running', 'paused') OR c.open > 0 OR c.needs_review > 0 OR f.failed > 0
             ORDER BY r.id DESC
            """
        )
        return BulkOverview(
            runs: try rows.map { row in
                BulkOverview.Run(
                    run: try BulkRun(row),
                    open: try row.decode("open"),
                    needsReview: try row.decode("needs_review"),
                    failed: try row.decode("failed"),
                    health: try RunHealth(row)
                )
            }
        )
    }
}
