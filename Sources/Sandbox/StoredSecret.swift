import Crypto
import Foundation

/// How a secret is kept: under the server's key alone, or under the customer's key inside that.
enum EncryptionMode: String, CaseIterable, Sendable {
    case fernet, double
}

/// A secret at rest. The sandbox keeps no customer key, only the key's fingerprint, so a lost key loses the secret
/// here as it does for real.
struct StoredSecret: Sendable {
    let mode: EncryptionMode
    /// Of the customer's key; `nil` in fernet mode.
    let keyFingerprint: String?
    private let sealed: Data

    /// - Parameter key: The customer's; `nil` for fernet mode.
    init(_ secret: Data, key: CustomerKey?, server: SymmetricKey) throws {
        mode = key == nil ? .fernet : .double
        keyFingerprint = key?.fingerprint
        let inner = try key.map { try Self.seal(secret, $0.symmetric) } ?? secret
        // The real outer layer is Fernet; nobody outside can tell, so another authenticated cipher stands in.
        sealed = try Self.seal(inner, server)
    }

    /// - Returns: The secret, or `nil` when the key is not the one it was sealed under.
    func open(_ key: CustomerKey?, server: SymmetricKey) -> Data? {
        guard let inner = Self.open(sealed, server) else { return nil }
        guard mode == .double else { return inner }
        return key.flatMap { Self.open(inner, $0.symmetric) }
    }

    private static func seal(_ data: Data, _ key: SymmetricKey) throws -> Data {
        let box = try AES.GCM.seal(data, using: key)
        return box.nonce.withUnsafeBytes { Data($0) } + box.ciphertext + box.tag
    }

    private static func open(_ sealed: Data, _ key: SymmetricKey) -> Data? {
        (try? AES.GCM.SealedBox(combined: sealed)).flatMap { try? AES.GCM.open($0, using: key) }
    }
}

/// The 32 bytes a customer sends in base64.
struct CustomerKey: Sendable {
    let symmetric: SymmetricKey
    /// The first 16 hexadecimal digits of the key's SHA-256: names a key without telling it.
    let fingerprint: String

    /// - Returns: `nil` unless the text is padded standard base64 of exactly 32 bytes.
    init?(base64: String) {
        guard let bytes = Data(base64Encoded: base64), bytes.count == 32 else { return nil }
        symmetric = SymmetricKey(data: bytes)
        fingerprint = SHA256.hash(data: bytes).prefix(8).hexadecimal
    }
}
