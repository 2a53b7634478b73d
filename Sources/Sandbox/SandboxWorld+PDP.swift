import Foundation
import HTTPTypes

/// The PDP configuration and the key its secret may be under.
extension SandboxWorld {
    func pdpConfigBody(_ client: ClientRecord) -> PDPConfigBody {
        guard let config = client.pdp else {
            return PDPConfigBody(isConfigured: false, message: "No PDP configuration for this client")
        }
        let mode = config.secret.mode
        return PDPConfigBody(
            isConfigured: true,
            id: config.id,
            isActive: config.isActive,
            modeSandbox: config.modeSandbox,
            flowServiceUrl: config.flowServiceURL,
            tokenUrl: config.tokenURL,
            oauthClientId: config.oauthClientID,
            encryptionMode: mode.rawValue,
            secretStatus: .init(
                status: "active",
                message: "A secret is stored",
                encryptionMode: mode.rawValue,
                requiresClientKey: mode == .double
            ),
            createdAt: config.createdAt.text(options.dates),
            updatedAt: config.updatedAt.text(options.dates)
        )
    }

    /// Creates or replaces. `id` and `createdAt` survive.
    func updatePDPConfig(_ call: Call, _ client: ClientRecord) throws -> Answer {
        var body = try BodyReader(call)
        let flowServiceURL = body.requiredText("flowServiceUrl")
        let tokenURL = body.requiredText("tokenUrl")
        let oauthClientID = body.requiredText("oauthClientId")
        let secret = body.requiredText("clientSecret")
        let isActive = body.flag("isActive", default: true)
        let modeSandbox = body.flag("modeSandbox", default: false)
        let mode = body.choice("encryptionMode", default: EncryptionMode.fernet)
        try body.finish()
        let sent = call.headers[.encryptionKey]
        let key = try mode == .double ? customerKey(sent, in: ["header", "X-Encryption-Key"]) : nil

        let now = tick()
        if client.pdp == nil { lastConfigID += 1 }
        var changed = client
        changed.pdp = .init(
            id: client.pdp?.id ?? lastConfigID,
            isActive: isActive,
            modeSandbox: modeSandbox,
            flowServiceURL: flowServiceURL,
            tokenURL: tokenURL,
            oauthClientID: oauthClientID,
            secret: try StoredSecret(Data(secret.utf8), key: key, server: serverKey),
            createdAt: client.pdp?.createdAt ?? now,
            updatedAt: now
        )
        store(changed)
        ledger.changed(call.operation, changed, at: now)
        return .json(200, pdpConfigBody(changed))
    }

    /// Re-encrypts every double-mode secret of the client, or none.
    func rotate(_ call: Call, _ client: ClientRecord) throws -> Answer {
        var body = try BodyReader(call)
        let oldText = body.requiredText("oldKey", length: 40...Int.max)
        let newText = body.requiredText("newKey", length: 40...Int.max)
        try body.finish()
        let old = try customerKey(oldText, in: ["body", "oldKey"])
        let new = try customerKey(newText, in: ["body", "newKey"])

        var changed = client
        var rotated = 0
        func rotate(_ secret: inout StoredSecret) throws {
            guard secret.mode == .double else { return }
            guard let plain = secret.open(old, server: serverKey) else { throw wrongOldKey() }
            secret = try StoredSecret(plain, key: new, server: serverKey)
            rotated += 1
        }
        if changed.pdp != nil { try rotate(&changed.pdp!.secret) }
        if changed.chorus != nil { try rotate(&changed.chorus!) }
        guard rotated > 0 else {
            throw Refusal(404, .C, code: "no_double_secret", "The client has no secret in double encryption mode")
        }
        store(changed)
        ledger.changed(call.operation, changed, at: tick())
        return .json(200, RotationBody(success: true, message: "Encryption key rotated", rotatedCount: rotated))
    }

    /// Gives the client a Chorus Pro secret in double mode, which no operation of the API can.
    /// - Returns: `false` when there is no such client or the key is not 32 bytes in base64.
    package func setChorusSecret(_ secret: String, key: String, of uid: UUID) throws -> Bool {
        guard var client = records[uid], let key = CustomerKey(base64: key) else { return false }
        client.chorus = try StoredSecret(Data(secret.utf8), key: key, server: serverKey)
        store(client)
        return true
    }

    /// Whether a key, in base64, opens the client's double-encrypted PDP secret. Not a guess: it is decrypted.
    package func opens(_ uid: UUID, key: String) -> Bool {
        guard let secret = records[uid]?.pdp?.secret, secret.mode == .double else { return false }
        return CustomerKey(base64: key).flatMap { secret.open($0, server: serverKey) } != nil
    }

    private func customerKey(_ text: String?, in location: [String]) throws -> CustomerKey {
        if let key = text.flatMap(CustomerKey.init(base64:)) { return key }
        let message = "The encryption key must be base64 of exactly 32 bytes"
        switch options.badKey {
        case .badRequest: throw Refusal(400, .C, code: "invalid_encryption_key", message)
        case .unprocessable:
            throw Refusal(problems: [Problem(location: location, message: message, type: "value_error")])
        }
    }

    private func wrongOldKey() -> Refusal {
        let message = "The old key does not decrypt the stored secrets"
        switch options.wrongOldKey {
        case .badRequest: return Refusal(400, .C, code: "decryption_failed", message)
        case .partialErrors:
            let body = RotationBody(success: false, message: message, rotatedCount: 0, partialErrors: [message])
            return Refusal(.json(200, body))
        }
    }
}
