import Foundation
import Postgres

/// How far a secret has come. The keys that may be live on the server are the active and the uncertain ones.
package enum SecretState: String, Sendable, Hashable, PostgresEncodable, PostgresDecodable {
    /// Never live on the server.
    case pending
    /// Known to be live.
    case active
    /// May be live.
    case uncertain
    /// Was or may have been live. A server that is restored from a backup may bring it back, so it is kept 400 days.
    case retired
    /// Retired, and somebody else may know it.
    case compromised
    /// Its bytes are gone from the table.
    case destroyed
}

/// A secret that was sealed under its name and can go to the table and the escrow file.
package struct SealedSecret: Sendable, Hashable {
    package let name: SecretName
    package let fingerprint: Fingerprint
    package let sealed: SealedText
}

/// One row of `factpulse.secrets`.
package struct StoredSecret: Sendable, Hashable {
    package let name: SecretName
    package let state: SecretState
    package let fingerprint: Fingerprint
    /// `nil` once it is destroyed.
    package let sealed: SealedText?
    package let isEscrowed: Bool
    package let createdAt: Date
    package let activatedAt: Date?
    package let retiredAt: Date?

    package static let columns: SQL = """
        purpose, client_uid, version, state, fingerprint, sealed, escrowed_at IS NOT NULL AS is_escrowed, created_at, activated_at,
        retired_at
        """

    package init(_ row: Row) throws {
        let purpose: Purpose = try row.decode("purpose")
        name = SecretName(purpose, of: try row.decode("client_uid"), version: try row.decode("version"))
        state = try row.decode("state")
        fingerprint = try row.decode("fingerprint")
        sealed = try row.decode("sealed")
        isEscrowed = try row.decode("is_escrowed")
        createdAt = try row.decode("created_at")
        activatedAt = try row.decode("activated_at")
        retiredAt = try row.decode("retired_at")
    }

    package var sealedSecret: SealedSecret? {
        sealed.map { SealedSecret(name: name, fingerprint: fingerprint, sealed: $0) }
    }
}
