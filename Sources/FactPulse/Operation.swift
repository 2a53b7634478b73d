import NIOHTTP1

/// Every request that this client knows how to make.
package enum Operation: String, Sendable, Hashable, CaseIterable {
    case listClients = "list clients"
    case createClient = "create client"
    case getClient = "get client"
    case updateClient = "update client"
    case activateClient = "activate client"
    case deactivateClient = "deactivate client"
    case getPDPConfig = "get PDP configuration"
    case updatePDPConfig = "update PDP configuration"
    case rotateEncryptionKey = "rotate encryption key"
    case generateWebhookSecret = "generate webhook secret"
    case getWebhookSecretStatus = "get webhook secret status"
    case deleteWebhookSecret = "delete webhook secret"
    case me = "who am I"
    case token = "log in"
    case refreshToken = "refresh token"

    var method: HTTPMethod {
        switch self {
        case .listClients, .getClient, .getPDPConfig, .getWebhookSecretStatus, .me: .GET
        case .createClient, .activateClient, .deactivateClient, .rotateEncryptionKey, .generateWebhookSecret: .POST
        case .token, .refreshToken: .POST
        case .updateClient: .PATCH
        case .updatePDPConfig: .PUT
        case .deleteWebhookSecret: .DELETE
        }
    }

    /// The token paths end with a slash (Django) and the others do not (FastAPI): the wrong form is a redirect.
    func path(_ uid: ClientUID?) -> String {
        let clients = "/api/v1/clients"
        let client = "\(clients)/\(uid?.text ?? "")"
        return switch self {
        case .listClients, .createClient: clients
        case .getClient, .updateClient: client
        case .activateClient: "\(client)/activer"
        case .deactivateClient: "\(client)/desactiver"
        case .getPDPConfig, .updatePDPConfig: "\(client)/pdp-config"
        case .rotateEncryptionKey: "\(client)/rotate-encryption-key"
        case .generateWebhookSecret: "\(client)/webhook-secret/generate"
        case .getWebhookSecretStatus: "\(client)/webhook-secret/status"
        case .deleteWebhookSecret: "\(client)/webhook-secret"
        case .me: "/api/v1/me"
        case .token: "/api/token/"
        case .refreshToken: "/api/token/refresh/"
        }
    }

    /// Whether it only looks: nothing changes on the server.
    package var isRead: Bool { method == .GET }

    /// Whether sending it twice leaves the server as sending it once does.
    package var isRepeatable: Bool {
        switch self {
        case .createClient, .rotateEncryptionKey, .generateWebhookSecret: false
        default: true
        }
    }

    var isToken: Bool { self == .token || self == .refreshToken }
}

/// Whose token a request needs.
package enum Scope: Sendable, Hashable {
    case account
    case client(ClientUID)

    var uid: ClientUID? {
        switch self {
        case .account: nil
        case .client(let uid): uid
        }
    }
}
