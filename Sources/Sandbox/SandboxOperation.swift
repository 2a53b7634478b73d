/// What a caller can ask of the API: the twelve client operations, the two token routes and `me`.
/// The raw value is the name used in fault rules and in the ledger.
package enum SandboxOperation: String, Codable, Sendable, CaseIterable {
    case listClients, createClient, getClient, updateClient, activateClient, deactivateClient
    case getPDPConfig, updatePDPConfig, rotateEncryptionKey
    case generateWebhookSecret, getWebhookSecretStatus, deleteWebhookSecret
    case token, refreshToken, me

    enum Scope {
        case none, account, client, any
    }

    /// Which token the operation wants.
    var scope: Scope {
        switch self {
        case .token, .refreshToken: .none
        case .listClients, .createClient: .account
        case .me: .any
        default: .client
        }
    }
}
