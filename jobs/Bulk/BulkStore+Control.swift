import JobQueue
import Postgres

/// Orders about whole runs and single rows.
extension BulkStore {
    /// What became of an order.
    package enum ControlResult: Sendable, Equatable {
        /// How many rows it concerned.
        case done(rows: Int)
        case notFound
        case refused(reason: String)
    }

    /// A person's decision about a row that needs review.
    package enum Resolution: Sendable, Equatable {
        /// This client is the row's.
        case client(uid: String)
        /// The client is not there: create it.
        case create
        case skip
    }

    /// Ends a run: rows not yet sent are skipped; calls that are under way, or whose answer was lost, are followed to
    /// their end.
    package func cancel(_ id: Int64) async throws -> ControlResult {
        try await database.transaction { transaction in
            try await transaction.execute("SET LOCAL statement_timeout = 0")
            let rows = try await transaction.query(
                """
                UPDATE factpulse.bulk_runs SET state = 'cancelled', finished_at = now(), reason = 'cancelled by an operator'
                 WHERE id = \(id) AND state IN ('staged', 'running', 'paused')
                RETURNING id
                """
            )
            guard !rows.isEmpty else { return try await refusal(of: id, in: transaction) }
            let skipped = try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'skipped', updated_at = now()
                 WHERE run_id = \(id) AND state IN ('staged', 'ready')
                """,
                deadline: .seconds(300)
            )
            try await transaction.execute(
                """
                SELECT \(SettleCreates.enqueue(at: "now()"))
                 WHERE EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(id) AND state IN ('sending', 'uncertain'))
                """
            )
            return .done(rows: skipped)
        }
    }

    /// Sends a run's failed rows again, and goes on with a paused run. All of them are compared with the server first.
    package func retry(_ id: Int64) async throws -> ControlResult {
        try await database.transaction { transaction in
            try await transaction.execute("SET LOCAL statement_timeout = 0")
            let runs = try await transaction.query(
                """
                UPDATE factpulse.bulk_runs SET state = 'running', finished_at = NULL, reason = NULL, released = 0, batch_id = NULL
                 WHERE id = \(id) AND state IN ('paused', 'finished')
                RETURNING id
                """
            )
            guard !runs.isEmpty else { return try await refusal(of: id, in: transaction) }
            let rows = try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'staged', error_code = NULL, error = NULL, updated_at = now()
                 WHERE run_id = \(id) AND state IN ('failed', 'ready')
                """,
                deadline: .seconds(300)
            )
            try await Self.start(id, in: transaction)
            return .done(rows: rows)
        }
    }

    /// Carries out a person's decision about one row.
    package func resolve(run: Int64, row: Int64, _ resolution: Resolution) async throws -> ControlResult {
        let assignments: SQL =
            switch resolution {
            case .client(let uid): "state = 'done', uid = \(uid)::uuid, adopted = true, error_code = NULL, error = NULL"
            case .create: "state = 'ready', error_code = NULL, error = NULL, releases = 0"
            case .skip: "state = 'skipped'"
            }
        return try await database.transaction { transaction in
            let rows = try await transaction.query(
                """
                UPDATE factpulse.bulk_rows SET \(assignments), candidates = NULL, updated_at = now()
                 WHERE run_id = \(run) AND row = \(row) AND state = 'needs_review' RETURNING state
                """
            )
            guard !rows.isEmpty else {
                let found = try await transaction.query(
                    "SELECT state FROM factpulse.bulk_rows WHERE run_id = \(run) AND row = \(row)"
                )
                guard let state = try found.first?.decode(at: 0, as: String.self) else { return .notFound }
                return .refused(reason: "row \(row) is \(state); only a row that needs review can be resolved")
            }
            if resolution == .create {
                try await transaction.execute(
                    """
                    UPDATE factpulse.bulk_runs SET state = 'running', finished_at = NULL WHERE id = \(run) AND state = 'finished'
                    """
                )
                try await transaction.execute(
                    "SELECT \(ReleaseRow.enqueue(run: "\(run)::bigint", row: "\(row)::bigint"))"
                )
                try await JobStore.enqueue(
                    FinishRun.kind,
                    arguments: #"{"run": \#(run)}"#,
                    uniqueKey: "\(run)",
                    in: transaction
                )
            }
            return .done(rows: 1)
        }
    }

    /// Makes the job that starts a run.
    static func start(_ id: Int64, in transaction: Transaction) async throws {
        try await JobStore.enqueue(
            StartRun.kind,
            arguments: #"{"run": \#(id)}"#,
            priority: 50,
            uniqueKey: "\(id)",
            in: transaction
        )
    }

    private func refusal(of id: Int64, in transaction: Transaction) async throws -> ControlResult {
        let rows = try await transaction.query("SELECT state FROM factpulse.bulk_runs WHERE id = \(id)")
        guard let state = try rows.first?.decode(at: 0, as: String.self) else { return .notFound }
        return .refused(reason: "run \(id) is \(state)")
    }
}
