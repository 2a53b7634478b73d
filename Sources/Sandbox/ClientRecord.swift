import Foundation

/// One client as the sandbox holds it.
struct ClientRecord: Sendable {
    struct PDPConfig: Sendable {
        var id: Int
        var isActive: Bool
        var modeSandbox: Bool
        var flowServiceURL: String
        var tokenURL: String
        var oauthClientID: String
        var secret: StoredSecret
        var createdAt: Timestamp
        var updatedAt: Timestamp
    }

    struct WebhookSecret: Sendable {
        var value: String
        var createdAt: Timestamp
    }

    let uid: UUID
    var name: String
    var siret: String?
    var description: String?
    var isActive = true
    let createdAt: Timestamp
    var updatedAt: Timestamp
    var pdp: PDPConfig?
    var chorus: StoredSecret?
    var webhook: WebhookSecret?

    var uidText: String { uid.uuidString.lowercased() }
}
