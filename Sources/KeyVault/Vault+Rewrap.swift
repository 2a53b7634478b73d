import Foundation
import Logging
import Postgres

extension Vault {
    package struct RewrapReport: Sendable, Hashable {
        /// Secrets that are now under the current KEK.
        package var rewrapped = 0
        /// Secrets that could not be opened: a damaged row, or a missing KEK.
        package var unreadable: [SecretName] = []
        /// Still under another KEK: unreadable, or held by somebody else's transaction. Run it again.
        package var left = 0
    }

    /// Seals everything anew under the current KEK, in the table and the escrow file.
    ///
    /// Works beside workers, skipping what they hold, and can be cut off at any time: each batch is one commit, and what is
    /// done is known by its KEK. Reads the KEK file again first.
    package func rewrap(actor: String, batch size: Int = 100) async throws -> RewrapReport {
        try await keys.reload()
        try await Self.register(keys, in: database)
        var report = RewrapReport()
        var last: SecretName?
        while true {
            let done = try await database.transaction { transaction in
                try await rewrapBatch(after: last, size, actor, in: transaction)
            }
            guard let end = done.end else { break }
            last = end
            report.rewrapped += done.rewrapped
            report.unreadable += done.unreadable
        }
        let rows = try await database.query(
            "SELECT count(*) FROM factpulse.secrets WHERE kek_id <> \(keys.current.id)"
        )
        report.left = try rows[0].decode(at: 0)
        return report
    }

    private typealias Batch = (rewrapped: Int, unreadable: [SecretName], end: SecretName?)

    private func rewrapBatch(
        after last: SecretName?,
        _ size: Int,
        _ actor: String,
        in transaction: Transaction
    ) async throws -> Batch {
        let current = keys.current
        let rows = try await transaction.query(
            """
            SELECT \(StoredSecret.columns) FROM factpulse.secrets
             WHERE (purpose, client_uid, version) > (\(last?.purpose.rawValue ?? "")::text,
                   \(last?.client ?? Self.lowestClient)::uuid, \(last?.version ?? 0)::int)
               AND kek_id <> \(current.id)
             ORDER BY purpose, client_uid, version LIMIT \(size)::bigint
               FOR UPDATE SKIP LOCKED
            """
        )
        var batch: Batch = (0, [], nil)
        var fresh: [SealedSecret] = []
        for stored in try rows.map(StoredSecret.init) {
            batch.end = stored.name
            do {
                fresh.append(try await reseal(stored, under: current))
            } catch let error as VaultError {
                logger.error(
                    "A secret cannot be rewrapped",
                    metadata: ["secret": "\(stored.name)", "error": "\(error)"]
                )
                batch.unreadable.append(stored.name)
            }
        }
        guard !fresh.isEmpty else { return batch }
        // The escrow first: a line too many is harmless, a row that only the table has is not.
        try await escrow(fresh)
        batch.rewrapped = try await transaction.execute(
            """
            UPDATE factpulse.secrets s SET sealed = n.sealed, kek_id = \(current.id)
              FROM unnest(\(fresh.map(\.name.purpose.rawValue))::text[], \(fresh.map(\.name.client))::uuid[],
                          \(fresh.map(\.name.version))::int[], \(fresh.map(\.sealed))::text[]) n (purpose, client_uid, version, sealed)
             WHERE s.purpose = n.purpose AND s.client_uid = n.client_uid AND s.version = n.version
            """
        )
        let entry = AuditEntry(
            actor: actor,
            action: "rewrap",
            outcome: "done",
            reason: "\(fresh.count) secrets now under the KEK \(current.id)"
        )
        try await transaction.execute(entry.insert)
        return batch
    }

    /// Opens, seals, opens again and compares: a text that does not open to the same bytes replaces nothing.
    private func reseal(_ stored: StoredSecret, under key: KeyEncryptionKey) async throws -> SealedSecret {
        guard let old = stored.sealed else { throw VaultError.doesNotOpen(stored.name) }
        let secret = try await open(old, as: stored.name)
        let bound = stored.name.boundData(in: deployment)
        let sealed = try key.seal(secret, boundTo: bound)
        guard try key.open(sealed, boundTo: bound) == secret else { throw VaultError.doesNotOpen(stored.name) }
        return SealedSecret(name: stored.name, fingerprint: stored.fingerprint, sealed: sealed)
    }

    private static var lowestClient: UUID { UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) }
}
