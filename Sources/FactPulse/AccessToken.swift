import Foundation

/// A token for one scope, and when to replace it.
struct AccessToken: Sendable {
    let access: Secret
    /// Spares a password check when the access token grows old.
    let refresh: Secret?
    /// From here on a new token is fetched.
    let renewAt: ContinuousClock.Instant

    /// How long before its end a token is replaced: longer than any request that carries it.
    static let margin: Duration = .seconds(90)
    /// What the vendor's own helpers assume when nothing tells.
    static let usualLifetime: Duration = .seconds(28 * 60)

    init(access: Secret, refresh: Secret?, lifetime: Duration, at now: ContinuousClock.Instant) {
        self.access = access
        self.refresh = refresh
        // A token that lives less than two margins would otherwise be old when it arrives.
        renewAt = now + lifetime - min(Self.margin, lifetime / 2)
    }
}

/// The answer of the token endpoints.
struct TokenGrant: Decodable {
    let access: Secret
    let refresh: Secret?
    /// Seconds.
    let accessLifetime: Double?

    private enum CodingKeys: String, CodingKey {
        case access, refresh, accessLifetime = "access_lifetime"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        access = try container.decode(Secret.self, forKey: .access)
        guard !access.isEmpty else {
            throw DecodingError.dataCorruptedError(forKey: .access, in: container, debugDescription: "empty token")
        }
        refresh = try? container.decodeIfPresent(Secret.self, forKey: .refresh)
        accessLifetime = try? container.decodeIfPresent(Double.self, forKey: .accessLifetime)
    }

    /// How long the token lives: as its own claims say, else as the answer says, else as usual.
    func lifetime(now: Date) -> Duration {
        let claims = JWTClaims(access)
        // `iat` is the server's clock at issue, so the difference holds although our clock may be wrong.
        let claimed = claims?.exp.map { $0 - (claims?.iat ?? now.timeIntervalSince1970) }
        for seconds in [claimed, accessLifetime] {
            if let seconds, seconds > 0, seconds.isFinite { return .seconds(min(seconds, 7 * 86400)) }
        }
        return AccessToken.usualLifetime
    }
}

/// A peek at two claims of a token. Nothing is verified: the server does that.
struct JWTClaims: Decodable {
    let exp: Double?
    let iat: Double?

    init?(_ token: Secret) {
        let parts = token.reveal.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        var base64 = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: String(base64)),
            let claims = try? JSONDecoder().decode(JWTClaims.self, from: data)
        else { return nil }
        self = claims
    }
}
