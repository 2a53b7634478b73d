import FactPulse
import JobQueue
import Logging
import Postgres

/// What a job does that needs the whole client list and cannot have it. Each time costs the job an attempt, so that its
/// count and its last error tell whoever asks why nothing goes on.
struct ListTrouble: Sendable {
    private static let backoff = Backoff(base: .seconds(5), maximum: .seconds(60))

    let context: JobContext

    /// The list cannot be read now. Goes on for ever: the last attempt is never spent.
    func again(_ error: FactPulseError) -> JobOutcome {
        context.logger.warning("The client list cannot be read now", metadata: ["error": "\(error)"])
        switch error.outcome {
        // Nothing is wrong, and it is said when to come back.
        case .throttled, .notSent(.gateClosed): return .snooze(error.retryAfter ?? .seconds(5))
        default: break
        }
        let wait = error.retryAfter ?? Self.backoff.delay(after: context.job.attempt)
        return again(after: wait, "the client list cannot be read: \(error)")
    }

    func again(after wait: Duration, _ reason: String) -> JobOutcome {
        context.job.attempt < context.job.maximumAttempts ? .retry(after: wait, reason: reason) : .snooze(wait)
    }

    /// Forgets a sweep that proves nothing.
    /// - Returns: how many of this job's sweeps were so, one after the other, and what is wrong with the list.
    func forget(_ sweep: ClientSweep.Result) async throws -> (inARow: Int, reason: String) {
        try await ClientSweep.forget(sweep.id, in: context.store.database)
        return try await incomplete(sweep)
    }

    /// The same without forgetting it.
    func incomplete(_ sweep: ClientSweep.Result) async throws -> (inARow: Int, reason: String) {
        let (inARow, expected) = try await context.store.database.query(
            """
            SELECT count(*), max(s.expected) FILTER (WHERE s.id = \(sweep.id)) FROM factpulse.sweeps s
             WHERE s.job_id = \(context.job.id) AND s.outcome = 'partial'
               AND s.id > coalesce((SELECT max(c.id) FROM factpulse.sweeps c
                                     WHERE c.job_id = \(context.job.id) AND c.outcome = 'complete'), 0)
            """
        )[0].decode((Int.self, Int?.self))
        let counted = expected.map(String.init) ?? "other"
        return (
            inARow,
            "FactPulse's client list is not complete: it counts \(counted) clients and shows \(sweep.clients), or changes "
                + "all the time"
        )
    }
}
