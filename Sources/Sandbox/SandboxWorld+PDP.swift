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
                status: config.secretStatus,
                message: "A secret is stored",
                encryptionMode: mode.rawValue,
                requiresClientKey: mode == .double
            ),
            lastTestAt: config.lastTestAt?.text(options.dates),
            lastTestSuccess: config.lastTestSuccess,
            lastTestError: config.lastTestError,
            createdAt: config.createdAt.text(options.dates),
            updatedAt: config.updatedAt.text(options.dates)
        )
    }

    /// Creates or replaces. `id`, `createdAt` and the last test survive.
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

        remember(secret, sent)

        let now = tick()
        let former = client.pdp
        if former == nil { lastConfigID += 1 }
        var changed = client
        changed.formerSecrets.append(client.secrets)
        changed.pdp = .init(
            id: former?.id ?? lastConfigID,
            isActive: isActive,
            modeSandbox: modeSandbox,
            flowServiceURL: flowServiceURL,
            tokenURL: tokenURL,
            oauthClientID: oauthClientID,
            secret: try StoredSecret(Data(secret.utf8), key: key, server: serverKey),
            isMock: former?.isMock ?? false,
            lastTestAt: former?.lastTestAt,
            lastTestSuccess: former?.lastTestSuccess,
            lastTestError: former?.lastTestError,
            createdAt: former?.createdAt ?? now,
            updatedAt: now
        )
        store(changed)
        ledger.changed(call.operation, changed, at: now)
        return .json(200, pdpConfigBody(changed))
    }

    /// - Returns: The key in `text`. - Throws: ``Refusal`` unless that is base64 of 32 bytes.
    func customerKey(_ text: String?, in location: [String]) throws -> CustomerKey {
        if let key = text.flatMap(CustomerKey.init(base64:)) { return key }
        let message = "The encryption key must be base64 of exactly 32 bytes"
        switch options.badKey {
        case .badRequest: throw Refusal(400, .C, code: "invalid_encryption_key", message)
        case .unprocessable:
            throw Refusal(problems: [Problem(location: location, message: message, type: "value_error")])
        }
    }
}
