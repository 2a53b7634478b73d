import JobQueue
import Postgres

/// A run whose row is ours until the end of the transaction.
///
/// The one order of locks: the run's row first, then rows of it. Whoever changes a run, or several of its rows because
/// of the run's state, locks it here; only a job that sends one row locks that row alone.
struct LockedRun: Sendable {
    let id: Int64
    let state: BulkRun.State
    let operation: BulkOperation
    let accountID: Int64
    let account: Account
    /// The jobs of its rows; `nil` before it was started, and after a retry until it is started again.
    let batch: Int64?
    /// Whether all jobs of its batch have ended. Until then a job that follows is still to come.
    let batchHasEnded: Bool

    /// - Returns: `nil` when there is no such run.
    static func lock(_ id: Int64, in transaction: Transaction) async throws -> LockedRun? {
        // In two steps: the second sees what the lock was waited for.
        let locked = try await transaction.query("SELECT FROM factpulse.bulk_runs WHERE id = \(id) FOR UPDATE")
        if locked.isEmpty { return nil }
        let rows = try await transaction.query(
            """
            SELECT b.state, b.operation, b.account_id, a.name, b.batch_id,
                   b.batch_id IS NOT NULL AND NOT EXISTS (SELECT FROM queue.batches q WHERE q.id = b.batch_id AND q.finished_at IS NULL)
              FROM factpulse.bulk_runs b JOIN factpulse.accounts a ON a.id = b.account_id
             WHERE b.id = \(id)
            """
        )
        let (state, operation, accountID, account, batch, hasEnded) = try rows[0].decode(
            (BulkRun.State.self, BulkOperation.self, Int64.self, String.self, Int64?.self, Bool.self)
        )
        return LockedRun(
            id: id,
            state: state,
            operation: operation,
            accountID: accountID,
            account: Account(name: account),
            batch: batch,
            batchHasEnded: hasEnded
        )
    }
}
