import FactPulse
import JobQueue
import Logging
import Postgres

/// Brings `factpulse.clients` to what the server's client list says.
package struct SyncClients: JobHandler {
    package struct Arguments: Codable, Sendable {
        /// Lets any number of clients be marked as deleted.
        package var allowMassDelete: Bool?

        package init(allowMassDelete: Bool? = nil) {
            self.allowMassDelete = allowMassDelete
        }

        private enum CodingKeys: String, CodingKey {
            case allowMassDelete = "allow_mass_delete"
        }
    }

    /// What a sync did; the result of its job.
    package struct Report: Codable, Sendable, Equatable {
        /// `complete`, `partial` or `superseded`. After `partial` what was seen is written, and nothing is concluded from
        /// what was not.
        package var outcome: String
        /// How many were seen.
        package var clients: Int
        package var appeared = 0
        package var changed = 0
        package var revived = 0
        package var deleted = 0
        /// Not in a complete list, and not yet proven gone.
        package var missing = 0
        /// Gone, but too many at once to be believed without being told.
        package var tooMany = 0

        private enum CodingKeys: String, CodingKey {
            case outcome, clients, appeared, changed, revived, deleted, missing
            case tooMany = "too_many"
        }
    }

    package static let kind: JobKind = "sync-clients"
    package static let policy = JobPolicy(
        description: "Brings the local table of clients to what the server's list says",
        arguments: ["allow_mass_delete": .optionalBoolean],
        // Each of its steps has a limit of its own, and a long list takes long.
        timeout: nil
    )

    private let api: FactPulseClient
    private let account: Account
    private let maxAge: Duration

    /// - Parameter maxAge: How old the list may become.
    package init(api: FactPulseClient, account: Account, maxAge: Duration) {
        self.api = api
        self.account = account
        self.maxAge = maxAge
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        do {
            return try await sync(arguments, context)
        } catch let error as FactPulseError where !error.isWorthRetrying {
            return .failed(reason: "\(error)")
        }
    }

    private func sync(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let id = try await account.id(api, context)
        try await Promise(account: id, stream: "clients", maxAge: maxAge).keep(in: context.store.database)
        let sweep = try await ClientSweep(api: api, context: context).run(
            purpose: Self.kind.rawValue,
            comparingWith: id
        )
        CrashPoint.reached("after-sync-sweep")
        guard let changes = try await ClientTable(account: id).apply(sweep, context) else {
            return try .completed(Report(outcome: "superseded", clients: sweep.clients))
        }
        CrashPoint.reached("after-sync-apply")
        var report = Report(outcome: sweep.outcome.rawValue, clients: sweep.clients)
        (report.appeared, report.changed, report.revived) = (changes.appeared, changes.changed, changes.revived)
        report.missing = changes.missing
        if sweep.outcome == .complete, changes.missing > 0 {
            let stones = Tombstones(api: api, account: id, isUncapped: arguments.allowMassDelete ?? false)
            let marked = try await stones.mark(after: sweep.id, context)
            (report.deleted, report.tooMany) = (marked.deleted, marked.tooMany)
            report.missing -= marked.deleted
        }
        context.logger.info(
            "Synced the client list",
            metadata: ["outcome": "\(report.outcome)", "clients": "\(report.clients)"]
        )
        return try .completed(report)
    }
}
