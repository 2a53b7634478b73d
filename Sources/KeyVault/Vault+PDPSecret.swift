import Foundation
import Postgres

/// Client secrets of PDP configurations, on their way from a file to the server.
extension Vault {
    /// Seals a secret under a new id.
    package func sealPDPSecret(_ secret: SecretBytes) throws -> SealedSecret {
        try seal(secret, as: SecretName(.pdpSecret, of: UUID(), version: 1))
    }

    /// Stores many secrets as pending, in one statement. None needs to be escrowed.
    package func insert(_ secrets: [SealedSecret]) -> SQL {
        """
        INSERT INTO factpulse.secrets (purpose, client_uid, version, sealed, kek_id, fingerprint)
        SELECT * FROM unnest(\(secrets.map(\.name.purpose.rawValue))::text[], \(secrets.map(\.name.client))::uuid[],
                             \(secrets.map(\.name.version))::int[], \(secrets.map(\.sealed))::text[],
                             \(secrets.map(\.sealed.kek))::text[], \(secrets.map(\.fingerprint))::text[])
        """
    }

    /// - Returns: the secret under this id; `nil` when it is forgotten.
    /// - Throws: ``VaultError``.
    package func pdpSecret(_ id: UUID) async throws -> SecretBytes? {
        guard let stored = try await secrets(.pdpSecret, of: id, in: database).first, let sealed = stored.sealed else {
            return nil
        }
        return try await open(sealed, as: stored.name)
    }

    /// Forgets the secrets under these ids.
    /// - Parameter ids: SQL for a set of uuids.
    package static func forgetPDPSecrets(_ ids: SQL) -> SQL {
        "DELETE FROM factpulse.secrets WHERE purpose = 'pdp-secret' AND client_uid IN (\(ids))"
    }
}
