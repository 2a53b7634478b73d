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
        package var account: Int64
    }

    package static let kind: JobKind = "settle-creates"
    package static let policy = JobPolicy(
        description: "Reads the client list to settle create calls whose answer was lost",
        arguments: ["account": .number],
        maximumAttempts: 1_000,
        maximumCrashes: 1_000,
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

    private let api: FactPulseClient
    private let account: Account
    private let times: SettleTimes

    package init(api: FactPulseClient, account: Account, times: SettleTimes) {
        self.api = api
        self.account = account
        self.times = times
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let due = DueCreates(account: arguments.account, times: times)
        guard let (owner, wait) = try await due.next(context) else { return .completed }
        guard owner == account.name else { return account.leave(to: owner, context) }
        guard wait <= .zero else { return .snooze(wait) }
        let sweep: ClientSweep.Result
        do {
            sweep = try await ClientSweep(api: api, context: context).run(purpose: "settle-creates")
        } catch let error as FactPulseError where error.isWorthRetrying {
            context.logger.warning("The client list cannot be read now", metadata: ["error": "\(error)"])
            return .snooze(error.retryAfter ?? .seconds(5))
        }
        guard sweep.outcome == .complete else {
            try await ClientSweep.forget(sweep.id, in: context.store.database)
            return .snooze(.seconds(5))
        }
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
}
