import FactPulse
import JobQueue
import Logging
import Postgres

/// Reads the PDP and webhook-secret status of the clients of one slice, one after the other.
///
/// Each answer is written as it comes, so that a slice whose worker died goes on with the next client.
package struct SyncPDPSlice: JobHandler {
    package struct Arguments: Codable, Sendable {
        package var sync: Int64
        package var slice: Int32
    }

    package static let kind: JobKind = "sync-pdp-slice"
    package static let policy = JobPolicy(
        description: "Reads the PDP and webhook-secret status of some clients",
        arguments: ["sync": .number, "slice": .number],
        // Each call has a limit of its own, and a low rate takes long.
        timeout: nil
    )

    private static let page = 50

    private let api: FactPulseClient
    private let account: Account

    package init(api: FactPulseClient, account: Account) {
        self.api = api
        self.account = account
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let owners = try await context.store.database.query(
            "SELECT a.name FROM factpulse.pdp_syncs s JOIN factpulse.accounts a ON a.id = s.account_id WHERE s.id = \(arguments.sync)"
        )
        guard let owner = try owners.first?.decode(at: 0, as: String.self) else { return .completed }
        guard owner == account.name else { return account.leave(to: owner, context) }
        var read = 0
        do {
            while true {
                let clients = try await next(arguments, context)
                if clients.isEmpty { return try .completed(["read": read]) }
                for client in clients {
                    let record = try await look(at: client.uid, context)
                    CrashPoint.reached("after-pdp-answer")
                    try await record.write(for: client.uid, clientHash: client.hash, context)
                    read += 1
                }
            }
        } catch let error as FactPulseError where !error.isWorthRetrying {
            return .failed(reason: "\(error)")
        }
    }

    private func next(_ arguments: Arguments, _ context: JobContext) async throws -> [(uid: ClientUID, hash: String)] {
        try await context.store.database.query(
            """
            SELECT d.uid::text, c._row_hash FROM factpulse.pdp_due d JOIN factpulse.clients c ON c.uid = d.uid
             WHERE d.sync_id = \(arguments.sync) AND d.slice = \(arguments.slice) ORDER BY d.place LIMIT \(Self.page)
            """
        ).compactMap { row in
            let (uid, hash) = try row.decode((String.self, String.self))
            return ClientUID(uid).map { ($0, hash) }
        }
    }

    private func look(at uid: ClientUID, _ context: JobContext) async throws -> PDPRecord {
        let client = api.client(uid)
        let patience = Patience(context: context)
        do {
            let config = try await patience.ask(saying: "A PDP status is read again") { try await client.pdpConfig() }
            let webhook = try await patience.ask(saying: "A webhook-secret status is read again") {
                try await client.webhookSecretStatus()
            }
            return PDPRecord(config, webhook)
        } catch let error as FactPulseError {
            guard let state = PDPRecord.State(error.outcome) else { throw error }
            return PDPRecord(state)
        }
    }
}
