import Foundation

extension RowSchema {
    /// A client's PDP configuration. What has no column, or an empty cell, stays as it is on the server; the client secret, which
    /// the server does not show, is then the one that this client was configured with last.
    package static let configurePDP = RowSchema(
        fields: [
            .clientUID, .siret, .flowServiceURL, .tokenURL, .oauthClientID, .clientSecret,
            .yesOrNo("is_active", ["is active", "active", "actif", "active ?", "pdp active", "pdp actif"]),
            .yesOrNo("mode_sandbox", ["mode sandbox", "sandbox", "sandbox mode", "bac a sable", "mode bac a sable"]),
            .encryptionMode,
        ],
        keys: byClient,
        oneOf: ["uid", "siret"],
        changes: [
            ["client_secret"], ["flow_service_url"], ["token_url"], ["oauth_client_id"], ["is_active"],
            ["mode_sandbox"],
            ["encryption_mode"],
        ]
    )
}

extension FieldSpec {
    static let flowServiceURL = url(
        "flow_service_url",
        ["flow service url", "flow url", "url flow service", "url du service de flux"]
    )
    static let tokenURL = url("token_url", ["token url", "url token", "url du jeton", "url jeton"])
    static let oauthClientID = text(
        "oauth_client_id",
        ["oauth client id", "client id oauth", "oauth id", "identifiant oauth", "identifiant client oauth"]
    )
    /// Goes into the vault and nowhere else.
    static let clientSecret = text(
        "client_secret",
        [
            "client secret", "secret client", "secret", "oauth client secret", "oauth secret", "secret oauth",
            "secret client oauth",
        ],
        isSecret: true
    )

    static let encryptionMode = FieldSpec(
        name: "encryption_mode",
        aliases: ["encryption mode", "encryption", "mode de chiffrement", "chiffrement"]
    ) { cell, _, value in
        lowercase(cell, &value)
        let word = String(decoding: value.bytes, as: UTF8.self)
        if !["", "fernet", "double"].contains(word) { value.refuse(.encryptionModeUnknown) }
    }

    /// `true` or `false`, as people write them in French and English.
    static func yesOrNo(_ name: String, _ aliases: [String]) -> FieldSpec {
        FieldSpec(name: name, aliases: aliases) { cell, _, value in
            lowercase(cell, &value)
            switch String(decoding: value.bytes, as: UTF8.self) {
            case "": break
            case "true", "yes", "oui", "vrai", "1", "o", "y": value.bytes = Array("true".utf8)
            case "false", "no", "non", "faux", "0", "n": value.bytes = Array("false".utf8)
            default: value.refuse(.yesOrNoMissing)
            }
        }
    }

    /// One line without control characters.
    private static func text(_ name: String, _ aliases: [String], isSecret: Bool = false) -> FieldSpec {
        FieldSpec(name: name, aliases: aliases, isSecret: isSecret) { cell, _, value in
            CellText.trim(cell, into: &value.bytes)
            let text = CellText.measure(value.bytes.span)
            if text.hasLineBreak || text.hasControl || CellText.isPlaceholder(value.bytes.span) {
                value.refuse(.textMalformed)
            }
        }
    }

    /// https, or http for a server of one's own.
    private static func url(_ name: String, _ aliases: [String]) -> FieldSpec {
        FieldSpec(name: name, aliases: aliases) { cell, _, value in
            CellText.trim(cell, into: &value.bytes)
            if value.bytes.isEmpty { return }
            let url = URLComponents(
                string: String(decoding: value.bytes, as: UTF8.self),
                encodingInvalidCharacters: false
            )
            guard let url, ["https", "http"].contains(url.scheme?.lowercased()), url.host?.isEmpty == false,
                url.password == nil
            else { return value.refuse(.urlMalformed) }
        }
    }

    private static func lowercase(_ cell: Span<UInt8>, _ value: inout FieldValue) {
        var text: [UInt8] = []
        CellText.trim(cell, into: &text)
        value.bytes = Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
    }
}
