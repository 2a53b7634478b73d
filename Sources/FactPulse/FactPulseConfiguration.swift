import Foundation

/// Who we are to FactPulse.
package enum FactPulseCredentials: Sendable {
    /// The account's e-mail address and password; a token is fetched for each scope.
    case password(email: String, Secret)
    /// Sent as `X-API-Key` with every request, without any token. Standalone servers only, says the vendor.
    case apiKey(Secret)
}

/// How to reach FactPulse, and the limits of every request.
package struct FactPulseConfiguration: Sendable {
    /// The vendor's hosted service.
    package static let publicURL = "https://factpulse.fr"

    /// Scheme, host, port and an optional path, without a slash at its end.
    package let baseURL: String
    package let credentials: FactPulseCredentials

    /// For one call, from the first byte sent to the last byte read: waiting for a connection and, after a 401, the
    /// new login and the second sending included.
    package var requestTimeout: Duration = .seconds(30)
    /// For a TCP connection with its TLS handshake.
    package var connectTimeout: Duration = .seconds(5)
    /// Like ``requestTimeout``, for the requests that fetch a token.
    package var tokenTimeout: Duration = .seconds(15)
    /// A longer answer is cut off and counts as unreadable.
    package var maximumBodyBytes = 4 * 1024 * 1024
    /// How many scopes keep their token in memory; beyond it the least recently used one is forgotten.
    package var tokenCacheLimit = 1000
    /// Connections open to the host at once. Requests beyond it wait, at most ``connectTimeout``.
    package var maximumConnections = 64
    /// How the program names itself in `User-Agent`: `factpulse-worker/<version>`.
    package var version = "dev"

    /// - Parameters:
    ///   - baseURL: `https://host[:port][/path]`. `http` only to a loopback host, unless `allowInsecureHTTP`.
    ///   - allowInsecureHTTP: Lets the password and the tokens travel in clear. For a private network only.
    /// - Throws: ``FactPulseConfigurationError``, whose text says the cure.
    package init(
        baseURL: String = Self.publicURL,
        credentials: FactPulseCredentials,
        allowInsecureHTTP: Bool = false
    ) throws(FactPulseConfigurationError) {
        self.baseURL = try Self.checked(baseURL, allowInsecureHTTP: allowInsecureHTTP)
        self.credentials = credentials
        switch credentials {
        case .password(let email, let password):
            if email.isEmpty || password.isEmpty { throw .emptyCredentials }
        case .apiKey(let key):
            if key.isEmpty { throw .emptyCredentials }
        }
    }

    private static func checked(
        _ text: String,
        allowInsecureHTTP: Bool
    ) throws(FactPulseConfigurationError) -> String {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            let host = url.host, !host.isEmpty, scheme == "https" || scheme == "http"
        else { throw .notAnAddress }
        // A name or password in the address would be printed with it.
        let extras = [url.user, url.password, url.query, url.fragment]
        guard extras.allSatisfy({ $0 == nil }) else { throw .tooMuchInAddress }
        guard scheme == "https" || allowInsecureHTTP || isLoopback(host) else { throw .insecure(host: host) }
        return trimmed(text, of: "/")
    }

    /// Host, port and path of a URL: the same for all ways to write it, with capitals, a dot behind the host, the scheme's
    /// own port, slashes at the end.
    package static func address(of url: String) -> String {
        let parts = URLComponents(string: url)
        guard let parts, let host = parts.host, !host.isEmpty else { return url.lowercased() }
        let port = parts.port.flatMap { $0 == (parts.scheme?.lowercased() == "http" ? 80 : 443) ? nil : ":\($0)" } ?? ""
        return (trimmed(host, of: ".") + port + trimmed(parts.path, of: "/")).lowercased()
    }

    /// Without this character at its end.
    private static func trimmed(_ text: String, of end: Character) -> String {
        String(text.reversed().drop { $0 == end }.reversed())
    }

    private static func isLoopback(_ host: String) -> Bool {
        let bare = host.trimmingCharacters(in: ["[", "]"]).lowercased()
        let fields = bare.split(separator: ".", omittingEmptySubsequences: false)
        return bare == "localhost" || bare == "::1"
            || fields.count == 4 && fields[0] == "127" && fields.allSatisfy { UInt8($0) != nil }
    }
}

/// Why a configuration cannot be used. The text says what to change.
package enum FactPulseConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    case notAnAddress
    case tooMuchInAddress
    case insecure(host: String)
    case emptyCredentials

    package var description: String {
        switch self {
        case .notAnAddress:
            "the FactPulse address is not a URL: write it like \(FactPulseConfiguration.publicURL)"
        case .tooMuchInAddress:
            "the FactPulse address may only have a scheme, a host, a port and a path: "
                + "remove user names, passwords and everything from '?' or '#' on"
        case .insecure(let host):
            "http:// would send the password to \(host) in clear: use https:// (http:// is only for this same machine)"
        case .emptyCredentials:
            "the FactPulse credentials are empty: set an e-mail address and a password, or an API key"
        }
    }
}
