import Foundation
import Postgres

/// A secret as it may be stored anywhere: `fpk1:<kek_id>:<base64(nonce12 || ciphertext || tag16)>`.
package struct SealedText: Sendable, Hashable, PostgresEncodable, PostgresDecodable {
    static let format = "fpk1"

    package let text: String
    /// The KEK that opens it.
    package let kek: KeyEncryptionKey.ID
    let box: Data

    /// - Returns: `nil` when the text does not have the form. Whether it opens is another question.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.format, let kek = KeyEncryptionKey.ID(String(parts[1])),
            let box = Data(base64Encoded: String(parts[2])), box.count > 28
        else { return nil }
        self.text = text
        self.kek = kek
        self.box = box
    }

    init(kek: KeyEncryptionKey.ID, box: Data) {
        self.kek = kek
        self.box = box
        text = "\(Self.format):\(kek.text):\(box.base64EncodedString())"
    }

    package init?(postgresText text: String) { self.init(text) }
    package var postgresText: String? { text }
}
