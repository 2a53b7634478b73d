import Foundation

/// How a client secret is kept on the server.
package enum EncryptionMode: String, Sendable, Codable {
    /// Under the server's key.
    case fernet
    /// Under the customer's key, then under the server's.
    case double
}

/// The whole PDP configuration of a client: what is left out here falls back to the server's default, it is not kept.
package struct PDPConfigUpdateRequest: Sendable, Equatable {
    package var flowServiceUrl: String
    package var tokenUrl: String
    package var oauthClientId: String
    /// Needed every time, in clear; the server never gives it back.
    package var clientSecret: Secret
    /// The server's default is `true`.
    package var isActive: Bool?
    /// The server's default is `false`.
    package var modeSandbox: Bool?
    /// The server's default is `fernet`. `double` needs the key in the same request.
    package var encryptionMode: EncryptionMode?

    package init(
        flowServiceUrl: String,
        tokenUrl: String,
        oauthClientId: String,
        clientSecret: Secret,
        isActive: Bool? = nil,
        modeSandbox: Bool? = nil,
        encryptionMode: EncryptionMode? = nil
    ) {
        self.flowServiceUrl = flowServiceUrl
        self.tokenUrl = tokenUrl
        self.oauthClientId = oauthClientId
        self.clientSecret = clientSecret
        self.isActive = isActive
        self.modeSandbox = modeSandbox
        self.encryptionMode = encryptionMode
    }
}

extension PDPConfigUpdateRequest {
    /// The form on the wire. Internal, so that nothing but the request can write the secret out.
    struct Body: Encodable {
        let flowServiceUrl, tokenUrl, oauthClientId, clientSecret: String
        let isActive, modeSandbox: Bool?
        let encryptionMode: EncryptionMode?
    }

    var body: Body {
        Body(
            flowServiceUrl: flowServiceUrl,
            tokenUrl: tokenUrl,
            oauthClientId: oauthClientId,
            clientSecret: clientSecret.reveal,
            isActive: isActive,
            modeSandbox: modeSandbox,
            encryptionMode: encryptionMode
        )
    }
}

/// The PDP configuration of a client. Never the secret.
package struct PDPConfigResponse: Sendable, Equatable, Decodable {
    /// `false`: there is none, and only `message` says anything.
    package var isConfigured: Bool
    package var id: Int?
    package var isActive: Bool?
    package var modeSandbox: Bool?
    package var flowServiceUrl: String?
    package var tokenUrl: String?
    package var oauthClientId: String?
    /// Open text, not an enum: the server may know more modes than we do.
    package var encryptionMode: String?
    package var secretStatus: SecretStatus?
    package var lastTestAt: Date?
    package var lastTestSuccess: Bool?
    package var lastTestError: String?
    package var createdAt: Date?
    package var updatedAt: Date?
    package var message: String?
}

extension PDPConfigResponse {
    /// The same answer without any part of the secrets, should the server have quoted them in its words.
    func scrubbed(by scrubber: Scrubber) -> PDPConfigResponse {
        var copy = self
        copy.message = message.map { scrubber.clean($0) }
        copy.lastTestError = lastTestError.map { scrubber.clean($0) }
        copy.secretStatus?.message = scrubber.clean(secretStatus?.message ?? "")
        return copy
    }
}

/// What the server says about a secret that it keeps.
package struct SecretStatus: Sendable, Equatable, Decodable {
    /// Open text; `active` and `missing` are known.
    package var status: String
    package var message: String
    package var encryptionMode: String?
    package var requiresClientKey: Bool?
}
