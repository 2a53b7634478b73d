import Foundation
import Logging
import Postgres

extension Vault {
    package struct RestoreReport: Sendable, Hashable {
        /// What the escrow file said.
        package var file = EscrowReport()
        /// Secrets that the table did not have.
        package var restored = 0
        /// Those of them whose number was taken by another secret since, so that they got a new one.
        package var renumbered = 0
        /// Keys of which it is not known any more whether they are live: restored ones, and those that an older table took for
        /// active or never used. The next rotation of each such client finds out.
        package var uncertain = 0
    }

    /// Brings back from the escrow file what the database has lost, and opens the vault.
    ///
    /// For a database that was restored to an earlier moment, or is new. Whatever the file has beyond the table may have
    /// been sent since that moment, so it comes back as uncertain, and so does each key of that client that the
    /// table believes in. Can be run again; run it with the workers stopped.
    ///
    /// - Parameter settle: How long the server may still be at work on calls that were made before: no such client is rotated
    ///   earlier.
    /// - Throws: ``VaultError``, or ``PostgresError``. What was restored until then stays.
    package static func restore(
        keys source: KeySource,
        escrowFile: EscrowFile,
        database: Database,
        logger: Logger,
        settle: Duration,
        actor: String
    ) async throws -> (vault: Vault, report: RestoreReport) {
        guard try await !EscrowReader.open(escrowFile.path).next().isEmpty else {
            throw VaultError.escrowEmpty(path: escrowFile.path)
        }
        let keys = try await LoadedKeys(source)
        try await register(keys, in: database)
        if try await storedFoundation(in: database) == nil {
            try await restoreFoundation(keys, escrowFile, database)
        }
        let vault = try await open(keys: source, escrowFile: escrowFile, database: database, logger: logger)
        var report = RestoreReport()
        let reader = try await EscrowReader.open(escrowFile.path)
        while case let entries = try await reader.next(), !entries.isEmpty {
            var lines: [Fingerprint: EscrowLine] = [:]
            for entry in entries {
                guard let line = await vault.check(entry, &report.file), line.name.purpose.isEscrowed else { continue }
                lines[line.fingerprint] = line
            }
            try await vault.restore(Array(lines.values), &report)
        }
        report.file.isTorn = await reader.isTorn
        report.uncertain = try await vault.doubt(EscrowReader.open(escrowFile.path), settle)
        let reason = "\(report.restored) secrets from \(escrowFile.path)"
        try await database.query(
            AuditEntry(actor: actor, action: "restore", outcome: "done", reason: reason).insert
        )
        return (vault, report)
    }

    /// The deployment's id and fingerprint key, which every other line depends on.
    private static func restoreFoundation(
        _ keys: LoadedKeys,
        _ escrowFile: EscrowFile,
        _ database: Database
    ) async throws {
        let reader = try await EscrowReader.open(escrowFile.path)
        while case let entries = try await reader.next(), !entries.isEmpty {
            for line in entries.compactMap(\.line) where line.name.purpose == .fingerprintKey {
                let key = try await open(line.sealed, line.name, in: line.deployment, keys)
                let sealed = try keys.current.seal(key, boundTo: line.name.boundData(in: line.deployment))
                try await database.execute(
                    """
                    INSERT INTO factpulse.secrets (purpose, client_uid, version, state, sealed, kek_id, fingerprint, escrowed_at)
                    VALUES ('fingerprint-key', \(line.deployment), 1, 'active', \(sealed), \(sealed.kek), \(line.fingerprint), now())
                    """
                )
                return
            }
        }
    }

    /// Inserts those of the lines that the table does not know.
    private func restore(_ lines: [EscrowLine], _ report: inout RestoreReport) async throws {
        let known = try await known(lines.map(\.fingerprint))
        for line in lines.sorted(by: { $0.name.version < $1.name.version }) where !known.contains(line.fingerprint) {
            let secret = try await open(line.sealed, as: line.name)
            let taken = try await secrets(line.name.purpose, of: line.name.client, in: database).map(\.name.version)
            let isTaken = taken.contains(line.name.version)
            let version = isTaken ? (taken.max() ?? 0) + 1 : line.name.version
            let name = SecretName(line.name.purpose, of: line.name.client, version: version)
            var sealed = SealedSecret(name: name, fingerprint: line.fingerprint, sealed: line.sealed)
            if isTaken || line.sealed.kek != keys.current.id {
                sealed = try seal(secret, as: name)
                try await escrow([sealed])
            }
            report.restored += try await insertRestored(sealed)
            report.renumbered += isTaken ? 1 : 0
        }
    }

    /// Older than the active one: retired. Newer, or nothing is active: it may be live.
    private func insertRestored(_ secret: SealedSecret) async throws -> Int {
        try await database.execute(
            """
            INSERT INTO factpulse.secrets (purpose, client_uid, version, state, sealed, kek_id, fingerprint, escrowed_at)
            SELECT \(secret.name.purpose), \(secret.name.client)::uuid, \(secret.name.version)::int,
                   CASE WHEN EXISTS (SELECT FROM factpulse.secrets a
                                      WHERE a.purpose = \(secret.name.purpose) AND a.client_uid = \(secret.name.client) AND a.state = 'active'
                                        AND a.version > \(secret.name.version)::int) THEN 'retired' ELSE 'uncertain' END,
                   \(secret.sealed)::text, \(secret.sealed.kek)::text, \(secret.fingerprint)::text, now()
            """
        )
    }

    /// A key that the table takes for pending, and that stands in the file, may have been sent since the moment that the
    /// table was restored to. Where any key is uncertain the active one is too.
    /// - Returns: how many client keys are uncertain now.
    private func doubt(_ reader: EscrowReader, _ settle: Duration) async throws -> Int {
        while case let entries = try await reader.next(), !entries.isEmpty {
            let fingerprints = entries.compactMap(\.line).map(\.fingerprint)
            try await database.execute(
                """
                UPDATE factpulse.secrets SET state = 'uncertain', escrowed_at = coalesce(escrowed_at, now())
                 WHERE state = 'pending' AND purpose IN ('client-key', 'webhook-secret') AND fingerprint = ANY (\(fingerprints)::text[])
                """
            )
        }
        try await database.execute(
            """
            UPDATE factpulse.secrets a SET state = 'uncertain'
             WHERE a.state = 'active' AND EXISTS (
                   SELECT FROM factpulse.secrets u
                    WHERE u.purpose = a.purpose AND u.client_uid = a.client_uid AND u.state = 'uncertain')
            """
        )
        return try await database.execute(
            """
            UPDATE factpulse.secrets SET settle_until = now() + \(settle)::interval
             WHERE purpose = 'client-key' AND state = 'uncertain'
            """
        )
    }
}
