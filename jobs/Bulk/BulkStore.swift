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

    /// The last run of the same operation that was made of the same file, with whatever options.
    /// - Parameter identity: As ``identity(operation:digest:file:)`` makes it: two words, then the options.
    package func run(sameFileAs identity: String) async throws -> BulkRun? {
        let file = identity.split(separator: " ").prefix(2).joined(separator: " ") + " "
        return try await database.query(
            "\(Self.select) WHERE starts_with(identity, \(file)) ORDER BY id DESC LIMIT 1"
        ).first.map(BulkRun.init)
    }

    package func counts(of run: Int64) async throws -> BulkCounts {
        let rows = try await database.query(
            """
            SELECT state, count(*), count(*) FILTER (WHERE state = 'done' AND adopted),
                   CASE WHEN state = 'exists' THEN error_code END AS warning
              FROM factpulse.bulk_rows WHERE run_id = \(run) GROUP BY state, warning
            """
        )
        var counts = BulkCounts()
        for row in rows {
            let (state, count, adopted, warning) = try row.decode((BulkRowState.self, Int.self, Int.self, String?.self))
            counts[state] += count
            counts.adopted += adopted
            for code in (warning ?? "").split(separator: " ") { counts.warnings[String(code), default: 0] += count }
        }
        return counts
    }

    /// Rows of a run in the order of the file, from behind `row`.
    package func rows(of run: Int64, state: BulkRowState?, after row: Int64, limit: Int) async throws -> [BulkRow] {
        try await database.query(
            """
            \(Self.selectRows)
             WHERE run_id = \(run) AND row > \(row) AND (\(state)::text IS NULL OR state = \(state)::text)
             ORDER BY row LIMIT \(limit)::bigint
            """
        ).map(BulkRow.init)
    }

    /// The row that begins on this line of the file.
    package func row(of run: Int64, line: Int) async throws -> BulkRow? {
        try await database.query("\(Self.selectRows) WHERE run_id = \(run) AND line = \(line)").first.map(BulkRow.init)
    }

    private static let selectRows: SQL = """
        SELECT row, line, state, name, siret, cells, uid::text, adopted, candidates::text[], error_code, error FROM factpulse.bulk_rows
        """

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

extension BulkRow {
    init(_ row: Row) throws {
        self.row = try row.decode("row")
        line = try row.decode("line")
        state = try row.decode("state")
        name = try row.decode("name")
        siret = try row.decode("siret")
        cells = try row.decode("cells")
        uid = try row.decode("uid")
        adopted = try row.decode("adopted")
        candidates = try row.decode("candidates", as: [String]?.self) ?? []
        let code: String? = try row.decode("error_code")
        let isRecovered = state == .done && adopted && code == nil
        errorCode = isRecovered ? "ADOPTED" : code
        error =
            isRecovered
            ? "the answer was lost; FactPulse was read to find out that it is done" : try row.decode("error")
    }
}
