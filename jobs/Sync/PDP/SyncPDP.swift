import FactPulse
import JobQueue
import Logging
import Postgres

/// Plans which clients' PDP and webhook-secret status is read, and makes the jobs that read it.
///
/// Costs no call. Clients without a configuration are written from the client list; of the others those are due that have
/// changed or were never read, then those whose status would become older than promised before the next plan.
package struct SyncPDP: JobHandler {
    package struct Arguments: Codable, Sendable {
        /// Reads every client that has a configuration, however fresh its status is.
        package var all: Bool?

        package init(all: Bool? = nil) {
            self.all = all
        }
    }

    /// What was planned; the result of the job.
    package struct Report: Codable, Sendable, Equatable {
        /// The plan's number in `factpulse.pdp_syncs`.
        package var sync: Int64
        package var clients: Int
        package var configured: Int
        /// To be read.
        package var due: Int
        /// Rows written from the list.
        package var written: Int
        /// Why the promise cannot be kept.
        package var warning: String?
    }

    package static let kind: JobKind = "sync-pdp"
    package static let policy = JobPolicy(
        description: "Plans which clients' PDP status is read, and makes the jobs that read it",
        arguments: ["all": .optionalBoolean]
    )

    private let api: FactPulseClient
    private let account: Account
    private let maxAge: Duration

    /// - Parameter maxAge: How old a status may become.
    package init(api: FactPulseClient, account: Account, maxAge: Duration) {
        self.api = api
        self.account = account
        self.maxAge = maxAge
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let id: Int64
        do {
            id = try await account.id(api, context)
        } catch let error as FactPulseError where !error.isWorthRetrying {
            return .failed(reason: "\(error)")
        }
        let report = try await context.transaction { transaction in
            try await Promise(account: id, stream: "pdp", maxAge: maxAge).keep(in: transaction)
            let plan = PDPPlan(account: id, name: account.name, maxAge: maxAge, isForAll: arguments.all ?? false)
            return try await plan.make(job: context.job.id, in: transaction)
        }
        CrashPoint.reached("after-pdp-plan")
        if let warning = report.warning { context.logger.warning("\(warning)") }
        return try .completed(report)
    }
}

/// How old a stream may become, for whoever asks whether that is kept.
struct Promise: Sendable {
    let account: Int64
    let stream: String
    let maxAge: Duration

    func keep(in executor: some SQLExecutor) async throws {
        try await executor.execute(
            """
            INSERT INTO factpulse.promises AS p (account_id, stream, max_age)
            SELECT \(account)::int, \(stream)::text, \(maxAge)::interval
             WHERE NOT EXISTS (SELECT FROM factpulse.promises
                                WHERE account_id = \(account)::int AND stream = \(stream)::text AND max_age = \(maxAge)::interval)
            ON CONFLICT (account_id, stream) DO UPDATE SET max_age = excluded.max_age
            """
        )
    }
}
