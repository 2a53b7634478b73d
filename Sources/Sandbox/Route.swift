import HTTPTypes

/// Where a method and a path lead. Exact about the trailing slash, as the two servers behind the real API are.
enum Route: Equatable {
    case operation(SandboxOperation, uid: String?)
    /// The path below `/__sandbox/`.
    case admin([String])
    /// The API routes answer a superfluous slash with a redirection to the path without it.
    case redirect(to: String)
    case methodNotAllowed
    case notFound

    private static let adminPrefix = "/__sandbox/"

    private static let table: [String: [HTTPRequest.Method: SandboxOperation]] = [
        "/api/token/": [.post: .token],
        "/api/token/refresh/": [.post: .refreshToken],
        "/api/v1/me": [.get: .me],
        "/api/v1/clients": [.get: .listClients, .post: .createClient],
        "/api/v1/clients/*": [.get: .getClient, .patch: .updateClient],
        "/api/v1/clients/*/activer": [.post: .activateClient],
        "/api/v1/clients/*/desactiver": [.post: .deactivateClient],
        "/api/v1/clients/*/pdp-config": [.get: .getPDPConfig, .put: .updatePDPConfig],
        "/api/v1/clients/*/rotate-encryption-key": [.post: .rotateEncryptionKey],
        "/api/v1/clients/*/webhook-secret/generate": [.post: .generateWebhookSecret],
        "/api/v1/clients/*/webhook-secret/status": [.get: .getWebhookSecretStatus],
        "/api/v1/clients/*/webhook-secret": [.delete: .deleteWebhookSecret],
    ]

    init(_ method: HTTPRequest.Method, _ path: String) {
        if path.hasPrefix(Self.adminPrefix) {
            self = .admin(path.dropFirst(Self.adminPrefix.count).split(separator: "/").map(String.init))
            return
        }
        let (pattern, uid) = Self.pattern(of: path)
        if let methods = Self.table[pattern] {
            self = methods[method].map { .operation($0, uid: uid) } ?? .methodNotAllowed
        } else if path.hasPrefix("/api/v1/"), path.hasSuffix("/"), Self.table[String(pattern.dropLast())] != nil {
            self = .redirect(to: String(path.dropLast()))
        } else {
            self = .notFound
        }
    }

    private static func pattern(of path: String) -> (pattern: String, uid: String?) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 4, parts[3] == "clients", !parts[4].isEmpty else { return (path, nil) }
        let uid = String(parts[4])
        parts[4] = "*"
        return (parts.joined(separator: "/"), uid)
    }
}
