import JobQueue
import Logging
import Postgres

/// Follows a run from the end of its first jobs until no row of it is open, then closes it.
///
/// It ends only when, under the lock on the run's row, the run is over or its batch has not ended: so a run that is
/// running always has one of these, or a batch whose end makes one.
package struct FinishRun: JobHandler {
    package typealias Arguments = StartRun.Arguments

    package static let kind: JobKind = "finish-run"
    package static let policy = JobPolicy(
        description: "Closes a bulk run once none of its rows is open",
        arguments: ["run": .number],
        maximumAttempts: 1_000
    )

    private static let lookAgain = Duration.seconds(1)
    /// Further jobs that a row gets when one ended without an answer, before a person has to look.
    private static let maximumReleases = 3
    private static let slice = 1_000
    private static let unanswered = ["ready", "sending", "uncertain"]

    package init() {}

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let isOver = try await context.transaction { transaction in
            guard let run = try await LockedRun.lock(arguments.run, in: transaction) else { return true }
            guard run.batchHasEnded else { return true }
            switch run.state {
            case .running: try await releaseOrphans(of: run, in: transaction)
            case .cancelled:
                try await skip(run, in: transaction)
                if run.operation != .createClients { try await releaseOrphans(of: run, in: transaction) }
            // A paused run is followed again once it goes on.
            case .staged, .paused, .finished: return true
            }
            return try await close(run, in: transaction)
        }
        guard isOver else { return .snooze(Self.lookAgain) }
        let store = BulkStore(context.store.database)
        if let run = try await store.run(arguments.run), run.state == .finished {
            let counts = try await store.counts(of: run.id)
            context.logger.info("The run is finished", metadata: counts.metadata(of: run.id))
        }
        return .completed
    }

    /// Rows whose job ended without an answer, for reasons of our own, get another, but not for ever. What a lost answer of
    /// a create call came to is settled for all rows at once, of other calls by the row's own job.
    private func releaseOrphans(of run: LockedRun, in transaction: Transaction) async throws {
        let (kind, states) = (run.operation.jobKind, run.operation == .createClients ? ["ready"] : Self.unanswered)
        let found = try await transaction.query(
            """
            SELECT r.row FROM factpulse.bulk_rows r
             WHERE r.run_id = \(run.id) AND r.state = ANY (\(states))
               AND NOT EXISTS (SELECT FROM queue.unique_keys u WHERE u.kind = \(kind) AND u.key = r.run_id || ':' || r.row)
             ORDER BY r.row LIMIT \(Self.slice)
            """
        )
        let orphans = try found.map { try $0.decode(at: 0, as: Int64.self) }
        if orphans.isEmpty { return }
        try await setAside(orphans, of: run, in: transaction)
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows
               SET state = 'needs_review', error_code = 'JOB_FAILED', updated_at = now(),
                   error = 'its job ended several times without an answer; see: factpulse-worker jobs list --state failed'
             WHERE run_id = \(run.id) AND row = ANY (\(orphans)) AND state = ANY (\(states)) AND releases >= \(Self.maximumReleases)
               AND updated_at < now() - interval '1 minute'
            """
        )
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r SET releases = r.releases + 1, updated_at = now()
             WHERE r.run_id = \(run.id) AND r.row = ANY (\(orphans))
               AND r.state = ANY (\(states)) AND r.releases < \(Self.maximumReleases)
            RETURNING \(ReleaseRow.enqueue(kind, run: "r.run_id", row: "r.row", uid: "r.uid"))
            """
        )
    }

    /// Rows whose job was quarantined get no other: nobody knows what it does to a worker. What was not sent is compared with
    /// the server before it is sent after all.
    private func setAside(_ rows: [Int64], of run: LockedRun, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = CASE r.state WHEN 'ready' THEN 'failed' ELSE 'needs_review' END, error_code = 'JOB_QUARANTINED',
                   updated_at = now(),
                   error = 'the workers that ran its job ' || q.id || ' did not survive it; find out why before you send it again: bulk-runs '
                           || CASE r.state WHEN 'ready' THEN 'retry' ELSE 'resolve' END
              FROM (SELECT j.id, j.args -> 'row' AS row, j.ended_at FROM queue.jobs j
                     WHERE j.id IN (SELECT job_id FROM queue.attempts WHERE outcome = 'crashed')
                       AND j.state = 'quarantined' AND j.kind = \(run.operation.jobKind) AND j.args -> 'run' = to_jsonb(\(run.id)::bigint)) q
             WHERE r.run_id = \(run.id) AND r.row = ANY (\(rows)) AND to_jsonb(r.row) = q.row
               -- A person has sent it again since.
               AND r.updated_at <= q.ended_at
            """
        )
    }

    /// Rows that became ready again after the run was cancelled.
    private func skip(_ run: LockedRun, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows SET state = 'skipped', updated_at = now() WHERE run_id = \(run.id) AND state IN ('staged', 'ready')
            """
        )
    }

    /// Whether another run is sending what rows of this one ask for: what becomes of it is worth waiting for.
    private func othersAreSending(for run: LockedRun, in transaction: Transaction) async throws -> Bool {
        try await transaction.query(
            """
            SELECT EXISTS (SELECT FROM factpulse.bulk_rows d
                            WHERE d.run_id = \(run.id) AND \(Self.isLeft(of: run.accountID))
                              AND EXISTS (SELECT FROM factpulse.bulk_rows o JOIN factpulse.bulk_runs b ON b.id = o.run_id
                                           WHERE o.account_id = d.account_id AND o.siret = d.siret AND o.operation = 'create-clients'
                                             AND o.state IN ('ready', 'sending', 'uncertain') AND b.state = 'running'))
            """
        )[0].decode(at: 0, as: Bool.self)
    }

    /// Rows that any run left to another, and whose client that one has created: it exists.
    private func settleLeft(of account: Int64, in transaction: Transaction) async throws {
        // Two runs that end at once would lock the same rows.
        try await transaction.execute(Comparison.lock(account))
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r SET state = 'exists', uid = k.uid, error_code = NULL, error = NULL, updated_at = now()
              FROM (SELECT d.run_id, d.row,
                           (SELECT o.uid FROM factpulse.bulk_rows o
                             WHERE o.account_id = d.account_id AND o.siret = d.siret AND o.operation = 'create-clients'
                               AND o.state = 'done' LIMIT 1) AS uid
                      FROM factpulse.bulk_rows d WHERE \(Self.isLeft(of: account))) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND r.state = 'duplicate' AND k.uid IS NOT NULL
            """
        )
    }

    /// As the index `bulk_rows_left` has it.
    private static func isLeft(of account: Int64) -> SQL {
        """
        d.account_id = \(account) AND d.operation = 'create-clients' AND d.state = 'duplicate' AND d.error_code = 'SENT_BY_ANOTHER_RUN'
        """
    }

    /// Closes a run without open rows.
    /// - Returns: whether none is open.
    private func close(_ run: LockedRun, in transaction: Transaction) async throws -> Bool {
        let rows = try await transaction.query(
            """
            SELECT EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(run.id) AND state IN ('staged', 'ready')),
                   EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(run.id) AND state IN ('sending', 'uncertain'))
            """
        )
        let (waiting, sent) = try rows[0].decode((Bool.self, Bool.self))
        if sent, run.operation == .createClients {
            try await transaction.execute(
                "SELECT \(SettleCreates.enqueue(for: "\(run.accountID)::bigint", at: "now()"))"
            )
        }
        if waiting || sent { return false }
        if run.operation == .createClients {
            if run.state == .running, try await othersAreSending(for: run, in: transaction) { return false }
            try await settleLeft(of: run.accountID, in: transaction)
        }
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_runs SET state = 'finished', finished_at = now() WHERE id = \(run.id) AND state = 'running'
            """
        )
        return true
    }
}
