import Crypto
import Foundation
import Postgres

/// Tells two secrets apart without showing either: `kfp_` and 16 hexadecimal digits. The only form of a secret that logs,
/// tables and the audit log have.
package struct Fingerprint: Sendable, Hashable, CustomStringConvertible, PostgresEncodable, PostgresDecodable {
    package let text: String

    package init?(_ text: String) {
        let digits = text.utf8.dropFirst(4)
        guard text.hasPrefix("kfp_"), digits.count == 16,
            digits.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        self.text = text
    }

    /// The first 8 bytes of HMAC-SHA256 under the deployment's fingerprint key: without that key nobody can try guesses.
    ///
    /// The key is one of the vault's own secrets and not derived from the KEK: a fingerprint in last year's log must still
    /// name the same key after the KEK was changed.
    init(of secret: SecretBytes, under key: SecretBytes) {
        let code = key.withBytes { key in
            secret.withBytes { HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: key)) }
        }
        text = "kfp_\(hexadecimal(code.prefix(8)))"
    }

    package var description: String { text }
    package var postgresText: String? { text }
    package init?(postgresText text: String) { self.init(text) }
}
