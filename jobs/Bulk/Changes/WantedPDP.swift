import FactPulse

/// A whole PDP configuration but for its secret: what a row names, and for the rest what the server has.
struct WantedPDP: Sendable {
    let flowServiceURL: String
    let tokenURL: String
    let oauthClientID: String
    let isActive: Bool
    let modeSandbox: Bool
    let mode: EncryptionMode

    struct Refusal: Error {
        let code: String
        let message: String
    }

    /// - Parameters:
    ///   - fields: Of the row, by the names of ``RowSchema/configurePDP``.
    ///   - current: What the server has.
    static func make(_ fields: [String: String?], _ current: PDPConfigResponse) -> Result<WantedPDP, Refusal> {
        let given = fields.compactMapValues(\.self)
        guard let flow = given["flow_service_url"] ?? current.flowServiceUrl,
            let token = given["token_url"] ?? current.tokenUrl,
            let id = given["oauth_client_id"] ?? current.oauthClientId
        else {
            let missing =
                "the client has no PDP configuration: its first needs flow_service_url, token_url, oauth_client_id and client_secret"
            return .failure(Refusal(code: "PDP_FIELD_MISSING", message: missing))
        }
        let mode = given["encryption_mode"] ?? (current.isConfigured ? current.encryptionMode : nil)
        guard let known = EncryptionMode(rawValue: mode ?? EncryptionMode.fernet.rawValue) else {
            let unknown =
                "FactPulse keeps the secret in a mode that this version does not know: write encryption_mode into the file"
            return .failure(Refusal(code: "ENCRYPTION_MODE_UNKNOWN", message: unknown))
        }
        return .success(
            WantedPDP(
                flowServiceURL: flow,
                tokenURL: token,
                oauthClientID: id,
                isActive: given["is_active"].map { $0 == "true" } ?? current.isActive ?? true,
                modeSandbox: given["mode_sandbox"].map { $0 == "true" } ?? current.modeSandbox ?? false,
                mode: known
            )
        )
    }

    func request(_ secret: Secret) -> PDPConfigUpdateRequest {
        PDPConfigUpdateRequest(
            flowServiceUrl: flowServiceURL,
            tokenUrl: tokenURL,
            oauthClientId: oauthClientID,
            clientSecret: secret,
            isActive: isActive,
            modeSandbox: modeSandbox,
            encryptionMode: mode
        )
    }

    /// Whether the server has just this. Of the secret it shows nothing.
    func isSo(in current: PDPConfigResponse) -> Bool {
        current.isConfigured && current.flowServiceUrl == flowServiceURL && current.tokenUrl == tokenURL
            && current.oauthClientId == oauthClientID && current.isActive == isActive
            && current.modeSandbox == modeSandbox
            && current.encryptionMode == mode.rawValue
    }

    /// Whether the server has all that a row names. What it does not name was sent as it was.
    static func names(_ fields: [String: String?], in found: PDPConfigResponse) -> Bool {
        let shown = [
            "flow_service_url": found.flowServiceUrl, "token_url": found.tokenUrl,
            "oauth_client_id": found.oauthClientId,
            "is_active": found.isActive.map { "\($0)" }, "mode_sandbox": found.modeSandbox.map { "\($0)" },
            "encryption_mode": found.encryptionMode,
        ]
        return fields.compactMapValues(\.self).allSatisfy { shown[$0.key] == $0.value }
    }
}
