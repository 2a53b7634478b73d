import Foundation
import Postgres

extension Vault {
    package enum Imported: String, Sendable, Hashable {
        /// The client's first key: taken for the live one.
        case active
        /// The client has other keys: which of them is live, its next rotation finds out.
        case uncertain
        /// These very bytes are here already.
        case known
    }

    /// Takes in a key that a client has already, from outside.
    ///
    /// - Throws: ``VaultError``, or ``PostgresError``. To import the same key again is always safe, and finishes what was cut off.
    package func importKey(_ key: SecretBytes, of client: UUID, actor: String) async throws -> Imported {
        let fingerprint = fingerprint(of: key)
        let sealed: SealedSecret? = try await database.transaction { transaction in
            let kept = try await secrets(.clientKey, of: client, in: transaction)
            if let same = kept.first(where: { $0.fingerprint == fingerprint && $0.state != .destroyed }) {
                return same.state == .pending ? same.sealedSecret : nil
            }
            let name = SecretName(.clientKey, of: client, version: (kept.first?.name.version ?? 0) + 1)
            let sealed = try seal(key, as: name)
            try await transaction.execute(insert(sealed))
            try await transaction.query(entry("intent", sealed, actor).insert)
            return sealed
        }
        guard let sealed else { return .known }
        try await escrow([sealed])
        return try await database.transaction { transaction in
            try await transaction.execute(markEscrowed(sealed.name))
            let isFirst = try await activateFirst(sealed.name, in: transaction)
            let imported: Imported = isFirst ? .active : .uncertain
            if !isFirst { try await doubt(sealed.name, in: transaction) }
            try await transaction.query(entry(imported.rawValue, sealed, actor).insert)
            return imported
        }
    }

    private func activateFirst(_ name: SecretName, in transaction: Transaction) async throws -> Bool {
        let others = try await secrets(.clientKey, of: name.client, in: transaction).filter { $0.name != name }
        guard others.allSatisfy({ $0.state == .pending || $0.state == .destroyed }) else { return false }
        return try await activate(name, in: transaction)
    }

    private func doubt(_ name: SecretName, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.secrets SET state = 'uncertain'
             WHERE purpose = 'client-key' AND client_uid = \(name.client) AND (state = 'active' OR version = \(name.version))
            """
        )
    }

    private func entry(_ outcome: String, _ secret: SealedSecret, _ actor: String) -> AuditEntry {
        AuditEntry(
            actor: actor,
            action: "import",
            outcome: outcome,
            client: secret.name.client,
            version: secret.name.version,
            fingerprint: secret.fingerprint
        )
    }
}
