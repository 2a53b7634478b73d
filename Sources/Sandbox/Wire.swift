/// The answers' JSON, camelCase as declared and with no undeclared member: two official SDKs refuse one.

/// Writes `null` where a synthesized encoder would leave the member out.
@propertyWrapper
struct OrNull<Value: Encodable & Sendable>: Encodable, Sendable {
    var wrappedValue: Value?

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

struct ClientBody: Encodable, Sendable {
    let uid: String
    let name: String
    @OrNull var siret: String?
    @OrNull var description: String?
    let isActive: Bool
    let hasConfigPdp: Bool
    @OrNull var pdpIsActive: Bool?
    @OrNull var pdpIsMock: Bool?
    let hasConfigChorus: Bool
    let createdAt: String
    let updatedAt: String

    init(_ client: ClientRecord, _ dates: SandboxOptions.DateStyle) {
        uid = client.uidText
        name = client.name
        _siret = OrNull(wrappedValue: client.siret)
        _description = OrNull(wrappedValue: client.description)
        isActive = client.isActive
        hasConfigPdp = client.pdp != nil
        _pdpIsActive = OrNull(wrappedValue: client.pdp?.isActive)
        _pdpIsMock = OrNull(wrappedValue: client.pdp?.isMock)
        hasConfigChorus = !client.chorus.isEmpty
        createdAt = client.createdAt.text(dates)
        updatedAt = client.updatedAt.text(dates)
    }
}

struct ActivationBody: Encodable, Sendable {
    let uid: String
    let isActive: Bool
    let message: String
}

struct PDPConfigBody: Encodable, Sendable {
    struct SecretStatus: Encodable, Sendable {
        let status: String
        let message: String
        let encryptionMode: String
        let requiresClientKey: Bool
    }

    var isConfigured = false
    @OrNull var id: Int? = nil
    @OrNull var isActive: Bool? = nil
    @OrNull var modeSandbox: Bool? = nil
    @OrNull var flowServiceUrl: String? = nil
    @OrNull var tokenUrl: String? = nil
    @OrNull var oauthClientId: String? = nil
    @OrNull var encryptionMode: String? = nil
    @OrNull var secretStatus: SecretStatus? = nil
    @OrNull var lastTestAt: String? = nil
    @OrNull var lastTestSuccess: Bool? = nil
    @OrNull var lastTestError: String? = nil
    @OrNull var createdAt: String? = nil
    @OrNull var updatedAt: String? = nil
    @OrNull var message: String? = nil
}

struct RotationBody: Encodable, Sendable {
    let success: Bool
    let message: String
    let rotatedCount: Int
    @OrNull var partialErrors: [String]? = nil
}

struct WebhookSecretBody: Encodable, Sendable {
    let success: Bool
    let webhookSecret: String
    let message: String
    let createdAt: String
}

struct WebhookSecretStatusBody: Encodable, Sendable {
    let hasSecret: Bool
    @OrNull var createdAt: String? = nil
}

struct WebhookSecretDeletedBody: Encodable, Sendable {
    let success: Bool
    let message: String
}
