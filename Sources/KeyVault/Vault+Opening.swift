import Foundation
import Logging
import Postgres

extension Vault {
    /// Opens the vault of this database, and founds it the first time: the deployment gets its id and its fingerprint key.
    ///
    /// - Throws: ``VaultError``: no usable KEK, a KEK that some row needs is missing, the current one was retired, the escrow
    ///   file cannot be written, or has keys while the database has none. Nothing was changed then.
    package static func open(
        keys source: KeySource,
        escrowFile: EscrowFile,
        database: Database,
        logger: Logger
    ) async throws -> Vault {
        let keys = try await LoadedKeys(source)
        try await register(keys, in: database)
        let stored = try await database.transaction { transaction in
            try await foundation(keys, escrowFile, in: transaction)
        }
        let vault = try await Vault(stored, keys, escrowFile, database, logger)
        if stored.state == .pending {
            try await vault.escrow(stored.sealedSecret.map { [$0] } ?? [])
            try await database.execute(
                """
                UPDATE factpulse.secrets SET state = 'active', escrowed_at = now()
                 WHERE purpose = 'fingerprint-key' AND state = 'pending'
                """
            )
        }
        return vault
    }

    /// Reads the KEKs anew, for rows under the one that sealed were refused.
    /// - Throws: ``VaultError``: the current one was retired, or one that some row needs is missing.
    package func reloadKeys() async throws {
        try await keys.reload()
        try await Self.register(keys, in: database)
    }

    init(
        _ foundation: StoredSecret,
        _ keys: LoadedKeys,
        _ escrowFile: EscrowFile,
        _ database: Database,
        _ logger: Logger
    ) async throws {
        guard let sealed = foundation.sealed else { throw VaultError.doesNotOpen(foundation.name) }
        let key = try await Self.open(sealed, foundation.name, in: foundation.name.client, keys)
        self.init(
            deployment: foundation.name.client,
            fingerprintKey: key,
            keys: keys,
            escrowFile: escrowFile,
            database: database,
            logger: logger
        )
    }

    static func open(
        _ sealed: SealedText,
        _ name: SecretName,
        in deployment: UUID,
        _ keys: LoadedKeys
    ) async throws -> SecretBytes {
        let key = try await keys.key(sealed.kek)
        do {
            return try key.open(sealed, boundTo: name.boundData(in: deployment))
        } catch {
            // The library says only that it failed; which secret it was is what helps.
            throw VaultError.doesNotOpen(name)
        }
    }

    /// Says that rows may come under the current KEK, and that every KEK that rows are under is at hand.
    ///
    /// No row is opened to see whether its KEK is the right one: the id is derived from the key.
    static func register(_ keys: LoadedKeys, in database: Database) async throws {
        let rows = try await database.pipeline([
            "INSERT INTO factpulse.keks (id) VALUES (\(keys.current.id)) ON CONFLICT DO NOTHING",
            "SELECT live FROM factpulse.keks WHERE id = \(keys.current.id)",
            "SELECT DISTINCT kek_id FROM factpulse.secrets WHERE kek_id IS NOT NULL",
        ])
        guard try rows[1].first?.decode("live", as: Bool.self) == true else {
            throw VaultError.kekRetired(keys.current.id)
        }
        for row in rows[2] { _ = try await keys.key(row.decode("kek_id")) }
    }

    /// The row of the fingerprint key, which stands for the deployment.
    private static func foundation(
        _ keys: LoadedKeys,
        _ escrowFile: EscrowFile,
        in transaction: Transaction
    ) async throws -> StoredSecret {
        // One founder at a time: the second finds what the first has made.
        try await transaction.execute("SELECT pg_advisory_xact_lock(5062147832)")
        if let found = try await storedFoundation(in: transaction) { return found }
        // A database without a vault beside a full escrow file is one that lost it: a new deployment id would
        // make every line unreadable.
        let reader = try await EscrowReader.open(escrowFile.path)
        guard try await reader.next().isEmpty else { throw VaultError.escrowOfAnother(path: escrowFile.path) }
        let name = SecretName(.fingerprintKey, of: UUID(), version: 1)
        let key = SecretBytes.randomKey()
        let sealed = try keys.current.seal(key, boundTo: name.boundData(in: name.client))
        try await transaction.execute(
            """
            INSERT INTO factpulse.secrets (purpose, client_uid, version, sealed, kek_id, fingerprint)
            VALUES ('fingerprint-key', \(name.client), 1, \(sealed), \(sealed.kek), \(Fingerprint(of: key, under: key)))
            """
        )
        guard let made = try await storedFoundation(in: transaction) else { throw VaultError.doesNotOpen(name) }
        return made
    }

    static func storedFoundation(in executor: some SQLExecutor) async throws -> StoredSecret? {
        try await executor.query(
            "SELECT \(StoredSecret.columns) FROM factpulse.secrets WHERE purpose = 'fingerprint-key'"
        ).first.map(StoredSecret.init)
    }
}
