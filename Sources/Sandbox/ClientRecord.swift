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
        var isMock = false
        var secretStatus = "active"
        var lastTestAt: Timestamp?
        var lastTestSuccess: Bool?
        var lastTestError: String?
        var createdAt: Timestamp
        var updatedAt: Timestamp
    }

    struct WebhookSecret: Sendable {
        var value: String
        var createdAt: Timestamp
    }

    /// All that a customer's key may lock.
    struct Secrets: Sendable {
        var pdp: StoredSecret?
        var chorus: [StoredSecret]
    }

    let uid: UUID
    var name: String
    var siret: String?
    var description: String?
    var isActive = true
    let createdAt: Timestamp
    var updatedAt: Timestamp
    var pdp: PDPConfig?
    var chorus: [StoredSecret] = []
    var webhook: WebhookSecret?
    /// The secrets before each change of theirs, the latest last.
    var formerSecrets: [Secrets] = []

    var uidText: String { uid.uuidString.lowercased() }

    /// Setting the PDP secret of a client without PDP configuration does nothing.
    var secrets: Secrets {
        get { Secrets(pdp: pdp?.secret, chorus: chorus) }
        set {
            if let secret = newValue.pdp { pdp?.secret = secret }
            chorus = newValue.chorus
        }
    }
}
