import JobQueue
import Postgres

/// A person's decision about one row.
extension BulkStore {
    package enum Resolution: Sendable, Equatable {
        /// This client is the row's: the one that it created or repeats, or the one to change now.
        case client(uid: String)
        /// What the row asks for has not happened: send it.
        case send
        case skip
    }

    /// Carries out a decision about the row that begins on this line of the file: one that needs review, or, to leave it
    /// out, one that a paused run has not sent.
    /// - Parameter anyClient: Also takes a client that is none of the row's candidates.
    package func resolve(
        run id: Int64,
        line: Int,
        _ resolution: Resolution,
        anyClient: Bool = false
    ) async throws -> ControlResult {
        try await database.transaction { transaction in
            guard let run = try await LockedRun.lock(id, in: transaction),
                let row = try await ReviewedRow.lock(line: line, of: run, in: transaction)
            else { return .notFound }
            guard row.state == .needsReview || resolution == .skip && row.waits(in: run) else {
                return .refused(reason: row.refusal(in: run))
            }
            let (assignments, isToBeSent) = resolution.meaning(for: run.operation)
            // Nothing sends rows of other runs.
            if isToBeSent, run.state != .running, run.state != .finished { return run.refusal }
            if case .client(let uid) = resolution,
                let reason = try await row.refusal(of: uid, in: run, anyClient: anyClient, transaction)
            {
                return .refused(reason: reason)
            }
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows SET \(assignments), candidates = NULL, updated_at = now()
                 WHERE run_id = \(id) AND row = \(row.row)
                """
            )
            if isToBeSent { try await Self.send(row.row, of: run, in: transaction) }
            return .done(rows: 1)
        }
    }

    private static func send(_ row: Int64, of run: LockedRun, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            SELECT \(ReleaseRow.enqueue(run.operation.jobKind, run: "r.run_id", row: "r.row", uid: "r.uid"))
              FROM factpulse.bulk_rows r WHERE r.run_id = \(run.id) AND r.row = \(row)
            """
        )
        if run.state == .finished { try await follow(run.id, in: transaction) }
    }
}

/// The row that a person decides about, ours until the end of the transaction.
private struct ReviewedRow {
    let row: Int64
    let line: Int
    let state: BulkRowState
    /// Whether the server may have carried out a call for it.
    let wasSent: Bool
    let candidates: [String]

    static func lock(line: Int, of run: LockedRun, in transaction: Transaction) async throws -> ReviewedRow? {
        let rows = try await transaction.query(
            """
            SELECT row, state, attempt > 0, candidates::text[] FROM factpulse.bulk_rows
             WHERE run_id = \(run.id) AND line = \(line) FOR UPDATE
            """
        )
        guard let found = rows.first else { return nil }
        let (row, state, wasSent, candidates) = try found.decode(
            (Int64.self, BulkRowState.self, Bool.self, [String]?.self)
        )
        return ReviewedRow(row: row, line: line, state: state, wasSent: wasSent, candidates: candidates ?? [])
    }

    /// Whether it would be sent if its run went on.
    func waits(in run: LockedRun) -> Bool { run.state == .paused && (state == .ready || state == .staged) }

    func refusal(in run: LockedRun) -> String {
        waits(in: run)
            ? "line \(line) waits for its run, which is paused: say --skip, or go on with bulk-runs retry \(run.id)"
            : "line \(line) is \(state.rawValue); only a row that needs review can be resolved"
    }

    /// Why this client cannot be the row's.
    func refusal(of uid: String, in run: LockedRun, anyClient: Bool, _ transaction: Transaction) async throws -> String?
    {
        guard anyClient || candidates.isEmpty || candidates.contains(uid) else {
            return "client \(uid) is none of the candidates of line \(line) (\(candidates.joined(separator: ", "))): "
                + "take one of them, or say --any-client if you know better"
        }
        // Two people may say the same of two rows at this moment.
        try await transaction.execute(Comparison.lock(run.accountID))
        guard let other = try await owner(of: uid, in: run, transaction) else { return nil }
        return "client \(uid) is that of \(other): take another, or say --skip"
    }

    /// The other row that has this client. One that was never sent may be another run's client all the same: it repeats it.
    private func owner(of uid: String, in run: LockedRun, _ transaction: Transaction) async throws -> String? {
        let mayRepeat = !wasSent && (candidates.isEmpty || candidates.contains(uid))
        let isTaken: SQL =
            run.operation == .createClients
            ? "o.operation = 'create-clients' AND (o.state = 'done' AND NOT \(mayRepeat) OR o.state IN ('done', 'exists') AND o.run_id = \(run.id))"
            : "o.run_id = \(run.id) AND o.state NOT IN ('rejected', 'duplicate', 'failed', 'skipped')"
        let rows = try await transaction.query(
            """
            SELECT 'line ' || o.line || ' of run ' || o.run_id FROM factpulse.bulk_rows o
             WHERE o.uid = \(uid)::uuid AND (o.run_id, o.row) <> (\(run.id), \(row)) AND \(isTaken)
             ORDER BY o.run_id, o.row LIMIT 1
            """
        )
        return try rows.first?.decode(at: 0, as: String.self)
    }
}

extension BulkStore.Resolution {
    /// How the row is changed, and whether it is then sent.
    fileprivate func meaning(for operation: BulkOperation) -> (SQL, isToBeSent: Bool) {
        let ready: SQL = "state = 'ready', error_code = NULL, error = NULL, attempt = 0, releases = 0"
        return switch self {
        case .client(let uid) where operation == .createClients:
            (
                """
                state = 'done', uid = \(uid)::uuid, adopted = true, error_code = 'RESOLVED',
                error = 'a person decided that this client is the row''s'
                """, false
            )
        case .client(let uid): ("\(ready), uid = \(uid)::uuid, baseline = NULL", true)
        case .send: (ready, true)
        case .skip: ("state = 'skipped'", false)
        }
    }
}
