import JobQueue
import Postgres

/// Orders about whole runs.
extension BulkStore {
    /// What became of an order.
    package enum ControlResult: Sendable, Equatable {
        /// How many rows it concerned.
        case done(rows: Int)
        case notFound
        case refused(reason: String)
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
            guard run.state != .cancelled else { return try await Self.settle(run, in: transaction) }
            if run.state == .finished, !(try await Self.isWorthRetrying(id, in: transaction)) {
                return .refused(
                    reason: "run \(id) is finished and none of its rows failed; rejected rows are mended in the file"
                )
            }
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

    /// Whether any row may be sent again.
    private static func isWorthRetrying(_ id: Int64, in transaction: Transaction) async throws -> Bool {
        try await transaction.query(
            """
            SELECT EXISTS (SELECT FROM factpulse.bulk_rows
                            WHERE run_id = \(id)
                              AND (state NOT IN ('done', 'exists', 'rejected', 'duplicate', 'skipped', 'needs_review')
                                   OR state = 'duplicate' AND error_code = \(Comparison.sentByAnotherRun)))
            """
        )[0].decode(at: 0, as: Bool.self)
    }

    /// Makes sure that the calls of a cancelled run are followed to their end.
    private static func settle(_ run: LockedRun, in transaction: Transaction) async throws -> ControlResult {
        let settled = try await transaction.query(
            """
            SELECT \(SettleCreates.enqueue(for: "\(run.accountID)::bigint", at: "now()"))
             WHERE EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(run.id) AND operation = 'create-clients'
                              AND state IN ('sending', 'uncertain'))
            """
        )
        guard settled.isEmpty else { return .done(rows: 0) }
        return .refused(
            reason: "run \(run.id) is cancelled and stays so: to import its file once more, bulk "
                + "\(run.operation.rawValue) FILE --force-new, which leaves alone what was done"
        )
    }

    /// Makes the job that starts a run. Two for one run are harmless, and a key would let one that is about to end
    /// swallow the next.
    static func start(_ id: Int64, in transaction: Transaction) async throws {
        let job = try await JobStore.enqueue(
            StartRun.kind,
            arguments: #"{"run": \#(id)}"#,
            priority: 50,
            in: transaction
        )
        try await transaction.execute("UPDATE factpulse.bulk_runs SET job_id = \(job) WHERE id = \(id)")
    }

    /// Opens a finished run again. One that runs is followed already, or will be when its batch ends.
    static func follow(_ id: Int64, in transaction: Transaction) async throws {
        let job = try await JobStore.enqueue(FinishRun.kind, arguments: #"{"run": \#(id)}"#, in: transaction)
        try await transaction.execute(
            "UPDATE factpulse.bulk_runs SET state = 'running', finished_at = NULL, job_id = \(job) WHERE id = \(id)"
        )
    }
}

extension LockedRun {
    var refusal: BulkStore.ControlResult { .refused(reason: "run \(id) is \(state.rawValue)") }
}
