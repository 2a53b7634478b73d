import FactPulse
import Foundation
import JobQueue
import KeyVault
import Postgres

/// Writes a client's PDP configuration.
///
/// The API takes only whole configurations and gives its defaults to what is left out: so what the row does not name is
/// sent as the server has it. The same configuration twice is one, but a repetition may overwrite what a person set in
/// between: so a lost answer is settled by reading the configuration. The secret cannot be read: `updatedAt` tells.
struct ConfigurePDP: ClientChange {
    let vault: Vault
    let context: JobContext

    func prepare(_ row: ChangeRow, _ client: ClientAPI) async throws -> Preparation {
        let current = try await client.pdpConfig()
        let wanted: WantedPDP
        switch WantedPDP.make(row.fields, current) {
        case .success(let found): wanted = found
        case .failure(let refusal): return .refused(code: refusal.code, message: refusal.message)
        }
        if row.secretID == nil, wanted.isSo(in: current) { return .isSo }
        guard let secret = try await secret(of: row) else {
            return .refused(
                code: "CLIENT_SECRET_MISSING",
                message: "no client secret of this client is known here: write it into the file"
            )
        }
        let request = wanted.request(Secret(secret.withBytes { String(decoding: $0, as: UTF8.self) }))
        guard wanted.mode == .double else { return .send(try await call(request, nil, isFresh: false, row, current)) }
        // A client in double mode has a key. To make another would leave its Chorus Pro secrets under one that nobody has.
        let makesOne = current.encryptionMode != EncryptionMode.double.rawValue
        switch try await keyToSet(of: row, makesOne: makesOne) {
        case .key(let key, let isFresh):
            CrashPoint.reached("after-key-committed")
            try await vault.escrow([key])
            CrashPoint.reached("after-key-escrowed")
            return .send(try await call(request, key, isFresh: isFresh && row.attempt == 0, row, current))
        case .unsettled(needsPerson: false): return .notNow
        case .unsettled(needsPerson: true):
            return .refused(
                code: "KEY_IN_DOUBT",
                message: "which key of this client is live is in doubt: see factpulse-worker keys status \(row.uid)"
            )
        case .none:
            return .refused(
                code: "CLIENT_KEY_UNKNOWN",
                message:
                    "the client is in double mode under a key that is not here: import it with factpulse-worker keys import"
            )
        }
    }

    func settle(_ row: ChangeRow, _ client: ClientAPI) async throws -> Settled {
        let found = try await client.pdpConfig()
        guard found.isConfigured else { return row.baseline == nil ? .absent : .changedSince }
        if Settled.isUnchanged(found.updatedAt, row.baseline) { return .absent }
        return WantedPDP.names(row.fields, in: found) ? .done : .changedSince
    }

    func write(_ settled: Settled, _ row: ChangeRow, in transaction: Transaction) async throws {
        switch settled {
        case .done: try await finish(row, "found to be set", in: transaction)
        // A key that was in doubt stays so: the next call takes it again, or the next rotation finds out.
        case .absent, .changedSince, .lost: try await transaction.query(entry("found not to be set", row, nil).insert)
        }
    }

    private func call(
        _ request: PDPConfigUpdateRequest,
        _ key: SealedSecret?,
        isFresh: Bool,
        _ row: ChangeRow,
        _ current: PDPConfigResponse
    ) async throws -> PreparedCall {
        // Opened now: a key that does not open must not leave a call in doubt.
        let opened = try await encryptionKey(key)
        return PreparedCall(
            baseline: current.isConfigured ? current.updatedAt : nil,
            atIntent: { transaction in
                if let key, try await !vault.beginSetting(key.name, in: transaction) { return false }
                try await transaction.query(entry("intent", row, key).insert)
                return true
            },
            atAnswer: { answer, transaction in
                switch answer {
                case .done: try await finish(row, "set", in: transaction)
                case .uncertain: try await transaction.query(entry("uncertain", row, key).insert)
                case .isSo, .failed, .denied, .again, .pause:
                    if isFresh { try await transaction.execute(vault.endSetting(of: row.client, isLive: false)) }
                    try await transaction.query(entry("not set", row, key).insert)
                }
            },
            send: { client, admission in
                let answer = try await client.updatePDPConfig(request, encryptionKey: opened, admission: admission)
                let isSo = answer.isConfigured && answer.encryptionMode == request.encryptionMode?.rawValue
                return isSo ? .done : .notApplied("the encryption mode is \(answer.encryptionMode ?? "not shown")")
            }
        )
    }

    /// The row's own secret, or the one that this client was configured with last.
    private func secret(of row: ChangeRow) async throws -> SecretBytes? {
        if let id = row.secretID { return try await vault.pdpSecret(id) }
        let rows = try await context.store.database.query(
            """
            SELECT r.secret_id FROM factpulse.bulk_rows r
             WHERE r.uid = \(row.uid.text)::uuid AND r.operation = 'configure-pdp' AND r.state = 'done' AND r.secret_id IS NOT NULL
             ORDER BY r.updated_at DESC LIMIT 1
            """
        )
        guard let id = try rows.first?.decode(at: 0, as: UUID.self) else { return nil }
        return try await vault.pdpSecret(id)
    }

    private func keyToSet(of row: ChangeRow, makesOne: Bool) async throws -> Vault.KeyToSet {
        try await context.transaction { transaction in
            try await vault.keyToSet(of: row.client, makesOne: makesOne, in: transaction)
        }
    }

    private func encryptionKey(_ key: SealedSecret?) async throws -> EncryptionKey? {
        guard let key else { return nil }
        guard let opened = try await vault.open(key.sealed, as: key.name).withBytes({ EncryptionKey(bytes: $0) }) else {
            throw VaultError.doesNotOpen(key.name)
        }
        return opened
    }

    /// The client's key is live, and the secrets of earlier files are not needed any more.
    private func finish(_ row: ChangeRow, _ outcome: String, in transaction: Transaction) async throws {
        try await transaction.execute(vault.endSetting(of: row.client, isLive: true))
        if row.secretID != nil {
            try await transaction.execute(
                Vault.forgetPDPSecrets(
                    """
                    SELECT r.secret_id FROM factpulse.bulk_rows r
                     WHERE r.uid = \(row.uid.text)::uuid AND r.operation = 'configure-pdp' AND r.state = 'done'
                       AND (r.run_id, r.row) <> (\(row.run), \(row.row))
                    """
                )
            )
        }
        try await transaction.query(entry(outcome, row, nil).insert)
    }

    private func entry(_ outcome: String, _ row: ChangeRow, _ key: SealedSecret?) -> AuditEntry {
        AuditEntry(
            actor: "job \(context.job.id)",
            action: "configure-pdp",
            outcome: outcome,
            client: row.client,
            version: key?.name.version,
            fingerprint: key?.fingerprint,
            reason: "row \(row.row) of run \(row.run)"
        )
    }
}
