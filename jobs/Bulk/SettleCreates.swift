import FactPulse
import JobQueue
import Logging
import Postgres

/// Finds out what became of create calls whose answer was lost, by reading the server's client list.
///
/// One sweep settles the uncertain rows of all runs of an account. A client counts as absent only when two complete
/// sweeps, both begun after the server can no longer carry out the call, did not see it.
package struct SettleCreates: JobHandler {
    package struct Arguments: Codable, Sendable {
        package var account: Int32
    }

    package static let kind: JobKind = "settle-creates"
    package static let policy = JobPolicy(
        description: "Reads the client list to settle create calls whose answer was lost",
        arguments: ["account": .number],
        maximumAttempts: 1_000,
        // Each of its steps has a limit of its own, and a long list takes long.
        timeout: nil
    )

    /// SQL that makes sure a settling job exists: one an account. One that is about to end may swallow this; then
    /// ``FinishRun``, which looks again and again while a row is uncertain, makes the next.
    /// - Parameters:
    ///   - account: SQL for the account's id.
    ///   - time: SQL for when it should run.
    static func enqueue(for account: SQL, at time: SQL) -> SQL {
        """
        queue.enqueue('settle-creates', jsonb_build_object('account', \(account)), run_at => \(time), priority => 50,
                      unique_key => (\(account))::text)
        """
    }

    /// Sweeps in a row that proved nothing, before a person has to look.
    private static let mostIncomplete = 6

    private let api: FactPulseClient
    private let account: Account
    private let times: SettleTimes

    package init(api: FactPulseClient, account: Account, times: SettleTimes) {
        self.api = api
        self.account = account
        self.times = times
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let due = DueCreates(account: Int64(arguments.account), times: times)
        let trouble = ListTrouble(context: context)
        guard let (owner, wait) = try await due.next(context) else { return .completed }
        guard owner == account.name else { return account.leave(to: owner, context) }
        guard wait <= .zero else { return .snooze(wait) }
        let sweep: ClientSweep.Result
        do {
            sweep = try await ClientSweep(api: api, context: context).run(purpose: "settle-creates")
        } catch let error as FactPulseError {
            // Also when the credentials are refused: what is uncertain stays so until somebody mends them.
            return trouble.again(error)
        }
        guard sweep.outcome == .complete else { return try await concludeNothing(from: sweep, due, context) }
        CrashPoint.reached("after-sweep")
        let verdicts = try await due.settle(with: sweep.id, context)
        CrashPoint.reached("after-settle")
        context.logger.info(
            "Settled calls whose answer was lost",
            metadata: Dictionary(uniqueKeysWithValues: verdicts.map { ($0.key, "\($0.value)") })
        )
        // Looked at once more, by this same job: it may be the only one.
        return .snooze(.zero)
    }

    /// Of a list that is never complete nobody learns that a client is absent: a person has to look.
    private func concludeNothing(from sweep: ClientSweep.Result, _ due: DueCreates, _ context: JobContext) async throws
        -> JobOutcome
    {
        let trouble = ListTrouble(context: context)
        let (inARow, reason) = try await trouble.incomplete(sweep)
        if inARow >= Self.mostIncomplete {
            try await due.leaveToPerson(sweep.id, reason, context)
            return .snooze(.zero)
        }
        try await ClientSweep.forget(sweep.id, in: context.store.database)
        let backoff = Backoff(base: times.betweenAbsences, maximum: max(times.betweenAbsences, .seconds(600)))
        return trouble.again(after: backoff.delay(after: inARow), reason)
    }
}
