import Foundation
import JobQueue
import KeyVault
import Postgres

/// Writes what happens while one client's key is rotated. Every method is one fenced transaction.
struct RotationWriter: Sendable {
    let client: UUID
    let vault: Vault
    let times: SettleTimes
    let context: JobContext

    /// Reads the rotation; where its rules ask for a key, makes one and opens the attempt in the same transaction.
    ///
    /// - Parameter obstacle: Why no attempt should be opened now. One that is open goes on.
    /// - Returns: `nil` when the client has no key.
    func begin(resume: Bool, unless obstacle: String?) async throws -> ClientRotation? {
        try await context.transaction { transaction in
            guard var rotation = try await vault.rotation(of: client, in: transaction) else { return nil }
            if rotation.rules.isCalling {
                // Only the holder of the job's lease gets here: whoever made the call will not write its answer.
                rotation.rules.answered(.uncertain(.unanswered))
                let entry = entry("uncertain", "the worker that made the call died")
                try await vault.save(&rotation, audit: entry, in: transaction)
            } else if resume, rotation.rules.resume() {
                try await vault.save(&rotation, audit: entry("resumed", "a person asked to go on"), in: transaction)
            }
            let needsKey = rotation.rules.next(at: rotation.asOf) == .makeKey
            if rotation.attempt == nil ? obstacle == nil : needsKey { try await prepare(&rotation, in: transaction) }
            return rotation
        }
    }

    /// One more key within the open attempt.
    func makeKey(_ rotation: ClientRotation) async throws -> ClientRotation {
        try await context.transaction { transaction in
            var rotation = rotation
            try await prepare(&rotation, in: transaction)
            return rotation
        }
    }

    private func prepare(_ rotation: inout ClientRotation, in transaction: Transaction) async throws {
        let isAtHand = rotation.rules.fresh != nil || rotation.unfinished != nil
        let name = SecretName(.clientKey, of: client, version: rotation.nextVersion)
        let key = isAtHand ? nil : try vault.seal(.randomKey(), as: name)
        try await vault.prepare(&rotation, with: key, in: transaction)
        CrashPoint.reached("rotation-key-made")
    }

    /// The intent: from here on both keys may be live.
    func beginCall(_ rotation: ClientRotation) async throws -> ClientRotation {
        try await context.transaction { transaction in
            var rotation = rotation
            // When exactly is said by the database.
            rotation.rules.begin(settleUntil: .distantFuture)
            try await vault.save(&rotation, settle: times.settle, audit: entry("intent", nil), in: transaction)
            return rotation
        }
    }

    /// The answer. Tried again while the lease lives: one that cannot be written leaves the keys in doubt.
    func write(_ verdict: RotationVerdict, _ rotation: ClientRotation) async throws -> ClientRotation {
        try await context.insist {
            try await context.transaction { transaction in
                var rotation = rotation
                rotation.rules.answered(verdict.answer)
                let entry = entry(verdict.answer.word, verdict.reason)
                try await vault.save(&rotation, rotatedCount: verdict.rotatedCount, audit: entry, in: transaction)
                CrashPoint.reached("rotation-answer-unwritten")
                return rotation
            }
        }
    }

    private func entry(_ outcome: String, _ reason: String?) -> AuditEntry {
        AuditEntry(actor: "job \(context.job.id)", action: "rotate", outcome: outcome, reason: reason)
    }
}

extension RotationAnswer {
    /// As the audit log has it.
    var word: String {
        switch self {
        case .rotated: "rotated"
        case .split: "split"
        case .oldKeyInvalid: "old key invalid"
        case .notApplicable: "not applicable"
        case .refused: "refused"
        case .notSent: "not sent"
        case .uncertain(.unanswered): "uncertain"
        case .uncertain(.unrecognised): "not understood"
        }
    }
}
