import Foundation
import Postgres

/// What a secret is for.
package enum Purpose: String, Sendable, Hashable, Codable, PostgresEncodable, PostgresDecodable {
    /// The customer's AES-256 key of double encryption mode.
    case clientKey = "client-key"
    /// Signs the webhooks of one client.
    case webhookSecret = "webhook-secret"
    /// The OAuth client secret of a PDP configuration, as a file brought it. Its owner has it elsewhere: the one secret that
    /// may be forgotten at any time, and the one that is not escrowed. "Whose" is an id of its own.
    case pdpSecret = "pdp-secret"
    /// The deployment's own key, which fingerprints are made with.
    case fingerprintKey = "fingerprint-key"

    /// Whether such secrets stand in the escrow file, from which nothing can be taken out again.
    var isEscrowed: Bool { self != .pdpSecret }
}

/// Which secret: what for, whose, and which of them.
package struct SecretName: Sendable, Hashable {
    package let purpose: Purpose
    package let client: UUID
    /// From 1, never used twice.
    package let version: Int

    package init(_ purpose: Purpose, of client: UUID, version: Int) {
        self.purpose = purpose
        self.client = client
        self.version = version
    }

    /// What a sealed text is bound to: it opens only under the very name that it was sealed for, so that a row that was
    /// swapped, renumbered or taken from another deployment gives an error and not another client's key.
    func boundData(in deployment: UUID) -> Data {
        Data("fpk1|\(deployment.lowercased)|\(purpose.rawValue)|\(client.lowercased)|\(version)".utf8)
    }
}

extension SecretName: CustomStringConvertible {
    package var description: String { "\(purpose.rawValue) version \(version) of \(client.lowercased)" }
}

extension UUID {
    /// As Postgres writes it.
    package var lowercased: String { uuidString.lowercased() }
}
