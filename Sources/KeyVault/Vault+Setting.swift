import Foundation
import Postgres

/// A client's key where its secrets are set anew under it, and not rotated: the call proves nothing about the key before
/// and needs none.
extension Vault {
    package enum KeyToSet: Sendable {
        /// Use this one: the only key that may be live, or one that never was (`isFresh`).
        case key(SealedSecret, isFresh: Bool)
        /// Which key is live is in doubt, or a rotation is under way.
        case unsettled(needsPerson: Bool)
        /// The client has no key here, and must not get one.
        case none
    }

    /// The key that a client's secrets are to be set under.
    /// - Parameter makesOne: Whether a client without a key gets one. It is pending, and may be sent after ``escrow(_:)`` and
    ///   ``beginSetting(_:in:)``.
    package func keyToSet(of client: UUID, makesOne: Bool, in transaction: Transaction) async throws -> KeyToSet {
        if let rotation = try await rotation(of: client, in: transaction) {
            guard rotation.attempt == nil, rotation.rules.candidates.count == 1,
                let version = rotation.rules.candidates.first, let key = rotation.keys[version]
            else { return .unsettled(needsPerson: rotation.rules.end?.needsPerson ?? false) }
            return .key(key, isFresh: false)
        }
        let kept = try await secrets(.clientKey, of: client, in: transaction)
        // Made for a call that never left.
        if let pending = kept.first(where: { $0.state == .pending })?.sealedSecret {
            return .key(pending, isFresh: true)
        }
        guard makesOne else { return .none }
        let name = SecretName(.clientKey, of: client, version: (kept.first?.name.version ?? 0) + 1)
        let key = try seal(.randomKey(), as: name)
        try await transaction.execute(insert(key))
        return .key(key, isFresh: true)
    }

    /// The intent: an escrowed key may be live from here on.
    /// - Returns: `false` when it must not be sent now, for a rotation was opened since.
    package func beginSetting(_ name: SecretName, in transaction: Transaction) async throws -> Bool {
        let rows = try await transaction.query(
            """
            UPDATE factpulse.secrets s
               SET state = CASE s.state WHEN 'pending' THEN 'uncertain' ELSE s.state END, escrowed_at = coalesce(s.escrowed_at, now())
             WHERE \(isKey(name)) AND s.state IN ('pending', 'uncertain', 'active') AND \(isUndisturbed)
            RETURNING s.version
            """
        )
        return !rows.isEmpty
    }

    /// The answer, or what was found out about it: the key in doubt is active; or it is not live, which only a call says that
    /// was the first with a fresh key.
    package func endSetting(of client: UUID, isLive: Bool) -> SQL {
        """
        UPDATE factpulse.secrets s SET state = \(isLive ? "active" : "pending")
         WHERE s.purpose = 'client-key' AND s.client_uid = \(client) AND s.state = 'uncertain' AND \(isUndisturbed)
           AND NOT EXISTS (SELECT FROM factpulse.secrets o WHERE o.purpose = s.purpose AND o.client_uid = s.client_uid
                              AND o.version <> s.version AND o.state IN ('active', 'uncertain'))
        """
    }

    private func isKey(_ name: SecretName) -> SQL {
        "s.purpose = \(name.purpose) AND s.client_uid = \(name.client) AND s.version = \(name.version)"
    }

    private var isUndisturbed: SQL {
        "NOT EXISTS (SELECT FROM factpulse.rotation_attempts a WHERE a.client_uid = s.client_uid AND a.ended_at IS NULL)"
    }
}
