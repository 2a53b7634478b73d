import FactPulse
import Foundation
import JobQueue
import KeyVault
import Postgres

/// Gives a client a webhook secret, where it has none or a new one is asked for.
///
/// The server shows the secret once and never again. A second call makes another and voids the first: so a lost answer is
/// looked for by `createdAt`, and where the secret was made and lost, cured by making another.
struct GenerateWebhookSecret: ClientChange {
    /// Fields of a row: a secret that is there is replaced; ours was made then (seconds since 1970), and its answer lost.
    static let (rotate, again) = ("rotate", "again")

    let vault: Vault
    let context: JobContext

    func prepare(_ row: ChangeRow, _ client: ClientAPI) async throws -> Preparation {
        let status = try await client.webhookSecretStatus()
        if case let lost?? = row.fields[Self.again] {
            let made = Double(lost).map { Date(timeIntervalSince1970: $0) }
            guard !status.hasSecret || Settled.isUnchanged(status.createdAt, made) else {
                let message =
                    "our webhook secret was lost, and somebody has made another since: to replace it, run with --rotate"
                return .refused(code: "CHANGED_SINCE", message: message)
            }
        } else if status.hasSecret, row.fields[Self.rotate] == nil {
            return .isSo
        }
        return .send(
            PreparedCall(
                baseline: status.hasSecret ? status.createdAt : nil,
                atIntent: { transaction in
                    try await transaction.query(entry("intent", row).insert)
                    return true
                },
                atAnswer: { answer, transaction in
                    if answer != .done { try await transaction.query(entry(answer.word, row).insert) }
                },
                send: { client, admission in
                    let answer = try await client.generateWebhookSecret(admission: admission)
                    guard answer.success else { return .notApplied("it made no secret") }
                    CrashPoint.reached("after-secret")
                    // Nobody can ask for it again: kept before anything else, also by a job that is cancelled now.
                    try await Task { try await keep(SecretBytes(Data(answer.webhookSecret.reveal.utf8)), row) }.value
                    return .done
                }
            )
        )
    }

    func settle(_ row: ChangeRow, _ client: ClientAPI) async throws -> Settled {
        if try await isKept(row) { return .done }
        let status = try await client.webhookSecretStatus()
        // None now and none before: the call did nothing. One before: somebody has deleted it.
        guard status.hasSecret else { return row.baseline == nil ? .absent : .changedSince }
        return Settled.isUnchanged(status.createdAt, row.baseline) ? .absent : .lost(seen: status.createdAt)
    }

    func write(_ settled: Settled, _ row: ChangeRow, in transaction: Transaction) async throws {
        let outcome =
            switch settled {
            case .done: "found to be kept"
            case .absent: "found not to be made"
            case .changedSince: "found to be changed by somebody else"
            case .lost: "made and lost"
            }
        try await transaction.query(entry(outcome, row).insert)
    }

    /// Into the vault: committed, escrowed, and then the active one.
    private func keep(_ secret: SecretBytes, _ row: ChangeRow) async throws {
        let sealed = try await context.insist {
            try await context.transaction { transaction in
                let kept = try await vault.secrets(.webhookSecret, of: row.client, in: transaction)
                let version = (kept.first?.name.version ?? 0) + 1
                let sealed = try vault.seal(secret, as: SecretName(.webhookSecret, of: row.client, version: version))
                try await transaction.execute(vault.insert(sealed))
                return sealed
            }
        }
        CrashPoint.reached("after-secret-committed")
        try await vault.escrow([sealed])
        try await context.insist {
            try await context.transaction { transaction in
                try await transaction.execute(vault.markEscrowed(sealed.name))
                _ = try await vault.activate(sealed.name, in: transaction)
                try await transaction.query(entry("made", row, sealed).insert)
            }
        }
        CrashPoint.reached("after-secret-kept")
    }

    /// Whether the row's call gave a secret that the vault has.
    private func isKept(_ row: ChangeRow) async throws -> Bool {
        let rows = try await context.store.database.query(
            """
            SELECT FROM factpulse.bulk_rows r
              JOIN factpulse.secrets s ON s.client_uid = r.uid AND s.purpose = 'webhook-secret' AND s.state = 'active'
             WHERE r.run_id = \(row.run) AND r.row = \(row.row) AND s.activated_at >= r.sent_at
            """
        )
        return !rows.isEmpty
    }

    private func entry(_ outcome: String, _ row: ChangeRow, _ secret: SealedSecret? = nil) -> AuditEntry {
        AuditEntry(
            actor: "job \(context.job.id)",
            action: "generate-webhook-secret",
            outcome: outcome,
            client: row.client,
            version: secret?.name.version,
            fingerprint: secret?.fingerprint,
            reason: "row \(row.row) of run \(row.run)"
        )
    }
}

extension ChangeAnswer {
    /// As the audit log has it.
    var word: String {
        switch self {
        case .done: "done"
        case .isSo: "was so"
        case .failed: "failed"
        case .denied: "denied"
        case .again, .pause: "not sent"
        case .uncertain: "uncertain"
        }
    }
}
