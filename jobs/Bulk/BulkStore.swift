import JobQueue
import Postgres

/// The tables of bulk runs, as people and the CLI read and steer them. What happens to a row while it is sent is
/// written by the jobs.
package struct BulkStore: Sendable {
    package let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    package func runs(limit: Int) async throws -> [BulkRun] {
        try await database.query("\(Self.select) ORDER BY id DESC LIMIT \(limit)::bigint").map(BulkRun.init)
    }

    package func run(_ id: Int64) async throws -> BulkRun? {
        try await database.query("\(Self.select) WHERE id = \(id)").first.map(BulkRun.init)
    }

    /// The run that was made of the same file with the same options.
    package func run(identity: String) async throws -> BulkRun? {
        try await database.query("\(Self.select) WHERE identity = \(identity)").first.map(BulkRun.init)
    }

    package func counts(of run: Int64) async throws -> BulkCounts {
        let rows = try await database.query(
            "SELECT state, count(*) FROM factpulse.bulk_rows WHERE run_id = \(run) GROUP BY state"
        )
        return BulkCounts(
            try Dictionary(uniqueKeysWithValues: rows.map { try $0.decode((BulkRowState.self, Int.self)) })
        )
    }

    /// Rows of a run in the order of the file, from behind `row`.
    package func rows(of run: Int64, state: BulkRowState?, after row: Int64, limit: Int) async throws -> [BulkRow] {
        let rows = try await database.query(
            """
            SELECT row, line, state, cells, uid::text, adopted, candidates::text[], error_code, error
              FROM factpulse.bulk_rows
             WHERE run_id = \(run) AND row > \(row) AND (\(state)::text IS NULL OR state = \(state)::text)
             ORDER BY row LIMIT \(limit)::bigint
            """
        )
        return try rows.map { row in
            let (number, line, state, cells, uid, adopted, candidates, code, error) = try row.decode(
                (
                    Int64.self, Int.self, BulkRowState.self, [String].self, String?.self, Bool.self, [String]?.self,
                    String?.self, String?.self
                )
            )
            return BulkRow(
                row: number,
                line: line,
                state: state,
                cells: cells,
                uid: uid,
                adopted: adopted,
                candidates: candidates ?? [],
                errorCode: code,
                error: error
            )
        }
    }

    /// Whether the workers have taken any part in this run, and any worker beats at all: what a waiting CLI wants to know.
    package func livingWorkers() async throws -> Int {
        try await database.query("SELECT count(*) FROM queue.workers WHERE beat_at > now() - interval '15 seconds'")[0]
            .decode(at: 0, as: Int.self)
    }

    static let select: SQL = """
        SELECT id, operation, state, file_name, columns, delimiter, row_count, reason, created_at, finished_at FROM factpulse.bulk_runs
        """
}

extension BulkRun {
    init(_ row: Row) throws {
        id = try row.decode("id")
        operation = try row.decode("operation")
        state = try row.decode("state")
        fileName = try row.decode("file_name")
        columns = try row.decode("columns")
        delimiter = try row.decode("delimiter")
        rowCount = try row.decode("row_count")
        reason = try row.decode("reason")
        createdAt = try row.decode("created_at")
        finishedAt = try row.decode("finished_at")
    }
}
