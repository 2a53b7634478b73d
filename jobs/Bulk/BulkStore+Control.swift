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
        /// This client is the row's: the one that it created, or the one to change now.
        case client(uid: String)
        /// What the row asks for has not happened: send it.
        case send
        case skip
    }

    /// Ends a run: rows not yet sent are skipped; calls that are under way, or whose answer was lost, are followed to
    /// their end.
    package func cancel(_ id: Int64) async throws -> ControlResult {
        try await database.transaction { transaction in
            try await transaction.execute("SET LOCAL statement_timeout = 0")
            guard let run = try await LockedRun.lock(id, in: transaction) else { return .notFound }
            guard [.staged, .running, .paused].contains(run.state) else { return run.refusal }
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_runs SET state = 'cancelled', finished_at = now(), reason = 'cancelled by an operator'
                 WHERE id = \(id)
                """
            )
            let skipped = try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'skipped', updated_at = now()
                 WHERE run_id = \(id) AND state IN ('staged', 'ready')
                """,
                deadline: .seconds(300)
            )
            try await transaction.execute(
                """
                SELECT \(SettleCreates.enqueue(for: "\(run.accountID)::bigint", at: "now()"))
                 WHERE EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(id) AND operation = 'create-clients'
                                  AND state IN ('sending', 'uncertain'))
                """
            )
            try await transaction.execute(Self.forgetSkippedSecrets(of: id))
            return .done(rows: skipped)
        }
    }

    /// Sends again what a run could not send: rows that the server refused, and those left to another run. Goes on with
    /// a run that is paused, or that nothing happens to any more. All of these rows are compared with the server first.
    package func retry(_ id: Int64) async throws -> ControlResult {
        try await database.transaction { transaction in
            try await transaction.execute("SET LOCAL statement_timeout = 0")
            guard let run = try await LockedRun.lock(id, in: transaction) else { return .notFound }
            guard run.state != .cancelled else { return run.refusal }
            // The jobs made so far may still be there: those that find their row not ready leave it alone.
            if let batch = run.batch { try await JobStore.sealBatch(batch, in: transaction) }
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_runs
                   SET state = CASE state WHEN 'staged' THEN state ELSE 'running' END, finished_at = NULL, reason = NULL,
                       released = 0, batch_id = NULL
                 WHERE id = \(id)
                """
            )
            let rows = try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows
                   SET state = 'staged', error_code = NULL, error = NULL, attempt = 0, releases = 0, updated_at = now()
                 WHERE run_id = \(id)
                   AND (state IN ('failed', 'ready') OR state = 'duplicate' AND error_code = \(Comparison.sentByAnotherRun))
                """,
                deadline: .seconds(300)
            )
            try await Self.start(id, in: transaction)
            return .done(rows: rows)
        }
    }

    /// Carries out a person's decision about one row.
    package func resolve(run id: Int64, row: Int64, _ resolution: Resolution) async throws -> ControlResult {
        try await database.transaction { transaction in
            guard let run = try await LockedRun.lock(id, in: transaction) else { return .notFound }
            let (assignments, isToBeSent) = resolution.meaning(for: run.operation)
            // Nothing sends rows of other runs.
            if isToBeSent, run.state != .running, run.state != .finished { return run.refusal }
            let rows = try await transaction.query(
                """
                UPDATE factpulse.bulk_rows SET \(assignments), candidates = NULL, updated_at = now()
                 WHERE run_id = \(id) AND row = \(row) AND state = 'needs_review' RETURNING state
                """
            )
            guard !rows.isEmpty else {
                let found = try await transaction.query(
                    "SELECT state FROM factpulse.bulk_rows WHERE run_id = \(id) AND row = \(row)"
                )
                guard let state = try found.first?.decode(at: 0, as: String.self) else { return .notFound }
                return .refused(reason: "row \(row) is \(state); only a row that needs review can be resolved")
            }
            if isToBeSent {
                try await transaction.execute(
                    """
                    SELECT \(ReleaseRow.enqueue(run.operation.jobKind, run: "r.run_id", row: "r.row", uid: "r.uid"))
                      FROM factpulse.bulk_rows r WHERE r.run_id = \(id) AND r.row = \(row)
                    """
                )
                if run.state == .finished { try await Self.follow(id, in: transaction) }
            }
            return .done(rows: 1)
        }
    }

    /// Makes the job that starts a run. Two for one run are harmless, and a key would let one that is about to end
    /// swallow the next.
    static func start(_ id: Int64, in transaction: Transaction) async throws {
        try await JobStore.enqueue(StartRun.kind, arguments: #"{"run": \#(id)}"#, priority: 50, in: transaction)
    }

    /// Opens a finished run again. One that runs is followed already, or will be when its batch ends.
    private static func follow(_ id: Int64, in transaction: Transaction) async throws {
        try await transaction.execute(
            "UPDATE factpulse.bulk_runs SET state = 'running', finished_at = NULL WHERE id = \(id)"
        )
        try await JobStore.enqueue(FinishRun.kind, arguments: #"{"run": \#(id)}"#, in: transaction)
    }
}

extension BulkStore.Resolution {
    /// How the row is changed, and whether it is then sent.
    fileprivate func meaning(for operation: BulkOperation) -> (SQL, isToBeSent: Bool) {
        let ready: SQL = "state = 'ready', error_code = NULL, error = NULL, attempt = 0, releases = 0"
        return switch self {
        case .client(let uid) where operation == .createClients:
            ("state = 'done', uid = \(uid)::uuid, adopted = true, error_code = NULL, error = NULL", false)
        case .client(let uid): ("\(ready), uid = \(uid)::uuid, baseline = NULL", true)
        case .send: (ready, true)
        case .skip: ("state = 'skipped'", false)
        }
    }
}

extension LockedRun {
    fileprivate var refusal: BulkStore.ControlResult { .refused(reason: "run \(id) is \(state.rawValue)") }
}
