import Foundation
import Logging
import Postgres

/// Every key and secret of a deployment: sealed in the table `factpulse.secrets` and once more in the escrow file.
///
/// A new key takes four steps in this order, and may be sent to nobody before the last of them: ``seal(_:as:)``,
/// ``insert(_:)`` and commit, ``escrow(_:)``, ``markEscrowed(_:)`` and commit.
package struct Vault: Sendable {
    /// Which deployment this is. Sealed texts of another do not open here.
    package let deployment: UUID
    package let escrowFile: EscrowFile
    let keys: LoadedKeys
    let database: Database
    let logger: Logger
    private let fingerprintKey: SecretBytes

    init(
        deployment: UUID,
        fingerprintKey: SecretBytes,
        keys: LoadedKeys,
        escrowFile: EscrowFile,
        database: Database,
        logger: Logger
    ) {
        self.deployment = deployment
        self.fingerprintKey = fingerprintKey
        self.keys = keys
        self.escrowFile = escrowFile
        self.database = database
        self.logger = logger
    }

    /// Makes the text that may be stored. Nothing is stored yet.
    package func seal(_ secret: SecretBytes, as name: SecretName) throws -> SealedSecret {
        SealedSecret(
            name: name,
            fingerprint: fingerprint(of: secret),
            sealed: try keys.current.seal(secret, boundTo: name.boundData(in: deployment))
        )
    }

    /// The secret itself. Write an ``AuditEntry`` of the intent first.
    ///
    /// - Throws: ``VaultError``: the KEK is missing, or the text is not this secret's.
    package func open(_ sealed: SealedText, as name: SecretName) async throws -> SecretBytes {
        try await Self.open(sealed, name, in: deployment, keys)
    }

    package func fingerprint(of secret: SecretBytes) -> Fingerprint {
        Fingerprint(of: secret, under: fingerprintKey)
    }

    /// Stores a secret as pending.
    ///
    /// Fails with a unique violation when the client has this version already, or these very bytes, and with a foreign
    /// key violation when the KEK was retired.
    package func insert(_ secret: SealedSecret) -> SQL {
        """
        INSERT INTO factpulse.secrets (purpose, client_uid, version, sealed, kek_id, fingerprint)
        VALUES (\(secret.name.purpose), \(secret.name.client), \(secret.name.version), \(secret.sealed), \(secret.sealed.kek),
                \(secret.fingerprint))
        """
    }

    /// Appends secrets whose rows are committed to the escrow file. When this returns they are on disk. Left out: those that
    /// are not escrowed, see ``Purpose/isEscrowed``.
    /// - Throws: ``VaultError``; none of them may be used then. To escrow a secret again is safe.
    package func escrow(_ secrets: [SealedSecret]) async throws {
        let kept = secrets.filter(\.name.purpose.isEscrowed)
        try await escrowFile.append(kept.map { EscrowLine($0, in: deployment) })
    }

    package func markEscrowed(_ name: SecretName) -> SQL {
        """
        UPDATE factpulse.secrets SET escrowed_at = coalesce(escrowed_at, now())
         WHERE purpose = \(name.purpose) AND client_uid = \(name.client) AND version = \(name.version)
        """
    }

    /// Makes an escrowed pending secret the active one; the one before it is retired.
    ///
    /// A client key only where nothing is in doubt and no rotation is open: a client's first key, or one that was
    /// set with its whole configuration.
    /// - Returns: `false` when it may not be; nothing has changed then.
    package func activate(_ name: SecretName, in transaction: Transaction) async throws -> Bool {
        let free = try await transaction.query(
            """
            SELECT FROM factpulse.secrets
             WHERE purpose = \(name.purpose) AND client_uid = \(name.client) AND version = \(name.version)
               AND state = 'pending' AND escrowed_at IS NOT NULL
               AND NOT EXISTS (SELECT FROM factpulse.rotation_attempts a
                                WHERE a.client_uid = \(name.client) AND a.ended_at IS NULL AND a.purpose = \(name.purpose))
               AND NOT EXISTS (SELECT FROM factpulse.secrets u WHERE u.purpose = \(name.purpose) AND u.client_uid = \(name.client)
                                  AND u.state = 'uncertain' AND u.purpose = 'client-key')
               FOR UPDATE
            """
        )
        guard !free.isEmpty else { return false }
        try await transaction.execute(
            """
            UPDATE factpulse.secrets SET state = 'retired'
             WHERE purpose = \(name.purpose) AND client_uid = \(name.client) AND state IN ('active', 'uncertain')
            """
        )
        try await transaction.execute(
            """
            UPDATE factpulse.secrets SET state = 'active'
             WHERE purpose = \(name.purpose) AND client_uid = \(name.client) AND version = \(name.version)
            """
        )
        return true
    }

    /// Everything that is kept of a client for one purpose, newest first.
    package func secrets(_ purpose: Purpose, of client: UUID, in executor: some SQLExecutor) async throws
        -> [StoredSecret]
    {
        try await executor.query(
            """
            SELECT \(StoredSecret.columns) FROM factpulse.secrets
             WHERE purpose = \(purpose) AND client_uid = \(client) ORDER BY version DESC
            """
        ).map(StoredSecret.init)
    }

    /// Forgets the bytes of a secret that was retired 400 days ago; its row stays as the proof that it existed.
    ///
    /// The database refuses with SQLSTATE FV001 what may still be needed. The line in the escrow file stays.
    package func destroy(_ name: SecretName) -> SQL {
        """
        UPDATE factpulse.secrets SET state = 'destroyed', sealed = NULL, kek_id = NULL
         WHERE purpose = \(name.purpose) AND client_uid = \(name.client) AND version = \(name.version)
        """
    }
}
