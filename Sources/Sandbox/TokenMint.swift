import Crypto
import Foundation

/// What a token says. `generation` is how the sandbox revokes every access token at once.
struct Claims: Codable, Sendable {
    var token_type: String
    var exp: Int
    var iat: Int
    var jti: String
    var user_id = 1
    var generation: Int
    var client_uid: String?
}

/// Signs and reads JWTs (HS256) under a key that lives as long as the sandbox.
struct TokenMint: Sendable {
    private let key = SymmetricKey(size: .bits256)
    private static let header = base64URL(Data(#"{"alg":"HS256","typ":"JWT"}"#.utf8))

    func issue(_ type: String, lifetime: Int, generation: Int, clientUID: String?) throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        let claims = Claims(
            token_type: type,
            exp: now + lifetime,
            iat: now,
            jti: UUID().uuidString,
            generation: generation,
            client_uid: clientUID
        )
        let signed = try Self.header + "." + Self.base64URL(JSONEncoder().encode(claims))
        let signature = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: key)
        return signed + "." + Self.base64URL(Data(signature))
    }

    /// - Returns: `nil` unless the token is ours, of this type and not expired.
    func read(_ token: String, _ type: String) -> Claims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = Self.bytes(parts[2]), let payload = Self.bytes(parts[1]),
            HMAC<SHA256>.isValidAuthenticationCode(
                signature,
                authenticating: Data("\(parts[0]).\(parts[1])".utf8),
                using: key
            ),
            let claims = try? JSONDecoder().decode(Claims.self, from: payload),
            claims.token_type == type, claims.exp > Int(Date().timeIntervalSince1970)
        else { return nil }
        return claims
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func bytes(_ text: Substring) -> Data? {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: standard + String(repeating: "=", count: (4 - standard.count % 4) % 4))
    }
}
