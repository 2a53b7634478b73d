import Foundation
import KeyVault
import Postgres

/// The webhook secrets that are kept here, on their way to whoever checks signatures.
package struct WebhookSecrets: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// A secret that a run made and that was not handed over yet.
    package struct Undelivered: Sendable {
        package let row: Int64
        package let client: UUID
    }

    /// What is kept of a client: the active secret, or the last one. Needs no KEK.
    package func kept(of client: UUID) async throws -> StoredSecret? {
        let all = try await database.query(
            """
            SELECT \(StoredSecret.columns) FROM factpulse.secrets
             WHERE purpose = 'webhook-secret' AND client_uid = \(client) ORDER BY state = 'active' DESC, version DESC LIMIT 1
            """
        )
        return try all.first.map(StoredSecret.init)
    }

    /// - Parameter limit: At most so many, in the order of the file.
    package func undelivered(of run: Int64, after row: Int64, limit: Int) async throws -> [Undelivered] {
        let rows = try await database.query(
            """
            SELECT row, uid FROM factpulse.bulk_rows
             WHERE run_id = \(run) AND operation = 'generate-webhook-secrets' AND state = 'done' AND delivered_at IS NULL
               AND row > \(row) ORDER BY row LIMIT \(limit)::bigint
            """
        )
        return try rows.map {
            let (row, client) = try $0.decode((Int64.self, UUID.self))
            return Undelivered(row: row, client: client)
        }
    }

    /// Lends the client's secret, and writes into the audit log that it is about to be used, and what came of it.
    ///
    /// - Parameter run: With the row, what is marked as delivered when `body` has returned.
    /// - Returns: `false` when no secret of this client is kept here.
    /// - Throws: ``VaultError``, or what `body` threw; it then counts as not handed over.
    package func lend(
        _ client: UUID,
        of vault: Vault,
        for entry: AuditEntry,
        delivering row: (run: Int64, row: Int64)? = nil,
        to body: (SecretBytes) async throws -> Void
    ) async throws -> Bool {
        guard let kept = try await kept(of: client), kept.state == .active, let sealed = kept.sealed else {
            return false
        }
        var entry = entry
        entry.client = client
        (entry.version, entry.fingerprint, entry.outcome) = (kept.name.version, kept.fingerprint, "intent")
        try await database.query(entry.insert)
        do {
            try await body(try await vault.open(sealed, as: kept.name))
        } catch {
            entry.outcome = "failed"
            try await database.query(entry.insert)
            throw error
        }
        entry.outcome = "done"
        try await database.transaction { [entry] transaction in
            if let row {
                try await transaction.execute(
                    "UPDATE factpulse.bulk_rows SET delivered_at = now() WHERE run_id = \(row.run) AND row = \(row.row)"
                )
            }
            try await transaction.query(entry.insert)
        }
        return true
    }

    /// The intent to delete a client's secret on the server.
    package func beginDeleting(_ client: UUID, actor: String) async throws {
        try await database.query(entry("intent", client, actor).insert)
    }

    /// The server has it no more: what is kept here is retired.
    package func deleted(_ client: UUID, actor: String) async throws {
        try await database.transaction { transaction in
            try await transaction.execute(
                """
                UPDATE factpulse.secrets SET state = 'retired'
                 WHERE purpose = 'webhook-secret' AND client_uid = \(client) AND state IN ('active', 'uncertain')
                """
            )
            try await transaction.query(entry("done", client, actor).insert)
        }
    }

    private func entry(_ outcome: String, _ client: UUID, _ actor: String) -> AuditEntry {
        AuditEntry(actor: actor, action: "delete-webhook-secret", outcome: outcome, client: client)
    }
}
