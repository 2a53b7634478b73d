import Crypto
import Foundation
import Postgres

/// A key that seals others, and is never stored beside them. Exactly 32 bytes; it cannot print itself.
///
/// A random nonce a sealing is safe for 2^32 of them (NIST SP 800-38D); 10,000 clients that rotate every day for a
/// century stay under 2^29, so nothing counts them.
package struct KeyEncryptionKey: Sendable {
    /// Names a KEK: 8 hexadecimal digits, derived from the key itself. So a file that was renamed, copied or put in another
    /// order cannot make a text name a KEK that does not open it, and there is no name for anybody to choose.
    package struct ID: Sendable, Hashable, CustomStringConvertible, PostgresEncodable, PostgresDecodable {
        package let text: String

        package init?(_ text: String) {
            guard text.utf8.count == 8, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
            else { return nil }
            self.text = text
        }

        package var description: String { text }
        package var postgresText: String? { text }
        package init?(postgresText text: String) { self.init(text) }
    }

    package let id: ID
    private let key: SecretBytes

    /// - Throws: ``VaultError``: not exactly 32 bytes, or all the same byte, which is no key but a forgotten placeholder.
    package init(_ key: SecretBytes) throws {
        guard key.count == 32 else { throw VaultError.kekMalformed("it has \(key.count) bytes, not 32") }
        let isConstant = key.withBytes { bytes in bytes.allSatisfy { $0 == bytes[0] } }
        guard !isConstant else { throw VaultError.kekMalformed("all of its bytes are the same") }
        let code = key.withBytes {
            HMAC<SHA256>.authenticationCode(for: Data("factpulse-worker kek id".utf8), using: SymmetricKey(data: $0))
        }
        guard let id = ID(hexadecimal(code.prefix(4))) else { throw VaultError.kekMalformed("it has no id") }
        self.id = id
        self.key = key
    }

    func seal(_ secret: SecretBytes, boundTo data: Data) throws -> SealedText {
        let box = try secret.withBytes { try AES.GCM.seal($0, using: symmetric, authenticating: data) }
        // A nonce of 12 bytes always gives the combined form.
        guard let combined = box.combined else { throw CryptoKitError.incorrectParameterSize }
        return SealedText(kek: id, box: combined)
    }

    /// - Throws: When the text was sealed under another key, bound to other data, or changed since.
    func open(_ sealed: SealedText, boundTo data: Data) throws -> SecretBytes {
        var plain = try AES.GCM.open(AES.GCM.SealedBox(combined: sealed.box), using: symmetric, authenticating: data)
        defer { plain.wipe() }
        return SecretBytes(plain)
    }

    private var symmetric: SymmetricKey { key.withBytes { SymmetricKey(data: $0) } }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
