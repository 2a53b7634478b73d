import Postgres

/// The views of schema `reporting`, as text.
package struct Reports: Sendable {
    private static let page = 1_000

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Every view and what it shows.
    package func all() async throws -> [(name: String, comment: String)] {
        try await database.query(
            """
            SELECT c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c
             WHERE c.relnamespace = 'reporting'::regnamespace AND c.relkind = 'v' ORDER BY c.relname
            """
        ).map { try $0.decode((String.self, String.self)) }
    }

    /// The columns of a view, in order; none for what is no view.
    package func columns(of name: String) async throws -> [String] {
        try await database.query(
            """
            SELECT a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'reporting'::regnamespace AND c.relkind = 'v' AND c.relname = \(name) AND a.attnum > 0
             ORDER BY a.attnum
            """
        ).map { try $0.decode(at: 0) }
    }

    /// Gives a view's rows as of one moment, page by page: a cell a column, `nil` for an empty one.
    package func rows(of name: String, _ body: ([[String?]]) async throws -> Void) async throws {
        try await pages("SELECT * FROM reporting.\(identifier: name)") { rows in
            try await body(try rows.map { row in try row.columns.indices.map { try row.decode(at: $0) } })
        }
    }

    /// The same as one JSON object a row.
    package func json(of name: String, _ body: ([String]) async throws -> Void) async throws {
        try await pages("SELECT to_jsonb(v)::text FROM reporting.\(identifier: name) v") { rows in
            try await body(try rows.map { try $0.decode(at: 0) })
        }
    }

    private func pages(_ select: SQL, _ body: ([Row]) async throws -> Void) async throws {
        try await database.transaction { transaction in
            try await transaction.pipeline([
                "SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
                "SET LOCAL TIME ZONE 'UTC'", "DECLARE report NO SCROLL CURSOR FOR \(select)",
            ])
            while true {
                let rows = try await transaction.query(
                    "FETCH \(raw: "\(Self.page)") FROM report",
                    deadline: .seconds(600)
                )
                if rows.isEmpty { return }
                try await body(rows)
            }
        }
    }
}
