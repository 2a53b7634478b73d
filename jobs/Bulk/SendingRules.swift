import FactPulse
import JobQueue
import Logging
import Postgres

/// The call was held up so long after its intent that it may not leave any more.
struct TooLate: Error {}

extension FactPulseClient {
    /// The client as a job may use it once its intent is written: at the last moment before the bytes leave, a call is
    /// stopped when this worker may have been declared dead, or when it is later than ``SettleTimes`` counts on: a 401 logs
    /// in anew first, a stopped process does nothing.
    func guarded(since intent: ContinuousClock.Instant, _ times: SettleTimes, _ context: JobContext) -> FactPulseClient
    {
        guarded {
            try context.checkAlive()
            guard ContinuousClock.now - intent < times.departure else { throw TooLate() }
        }
    }
}

extension BulkCounts {
    /// A run and its rows, for the log: only states that some row is in.
    func metadata(of run: Int64) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["run": "\(run)"]
        for state in BulkRowState.allCases where self[state] > 0 { metadata[state.rawValue] = "\(self[state])" }
        return metadata
    }
}

extension JobContext {
    /// Writes what an answer said, again and again while the lease lives: one that cannot be written leaves the row in
    /// doubt. To be shielded from cancellation by the caller.
    func insist<Value>(_ write: () async throws -> Value) async throws -> Value {
        var failures = 0
        while true {
            do {
                return try await write()
            } catch let error as PostgresError where error.isTransient {
                failures += 1
                logger.warning("Could not write an answer; trying again", metadata: ["error": "\(error)"])
                try checkAlive()
                try await Task.sleep(
                    for: Backoff(base: .milliseconds(100), maximum: .seconds(2)).delay(after: failures)
                )
            }
        }
    }

    /// Stops a whole run: what was refused concerns all of its rows. They stay as they are.
    func pause(run: Int64, of account: Account, _ reason: String) async throws -> JobOutcome {
        let paused = try await write(
            """
            UPDATE factpulse.bulk_runs SET state = 'paused', reason = \(reason)
             WHERE id = \(run) AND state = 'running' AND account_id = (SELECT id FROM factpulse.accounts WHERE name = \(account.name))
            RETURNING id
            """
        )[0]
        // Of all the jobs that were refused at once, one tells it.
        if !paused.isEmpty {
            let counts = try await BulkStore(store.database).counts(of: run)
            logger.error(
                "The run is paused",
                metadata: counts.metadata(of: run).merging(["reason": "\(reason)"]) { $1 }
            )
        }
        return try .completed(["run": "paused"])
    }
}
