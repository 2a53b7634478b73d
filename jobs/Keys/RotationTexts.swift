import Foundation

/// The server's words that decide what a refused rotation means, in French and English. The API documents none of them;
/// what is not here is not recognised.
enum RotationTexts {
    private static let oldKeyCodes: Set<String> = [
        "decryption_failed", "invalid_old_key", "old_key_invalid", "wrong_old_key",
    ]
    private static let notApplicableCodes: Set<String> = ["no_double_secret", "no_double_encrypted_secret"]
    private static let unknownClientCodes: Set<String> = ["client_not_found"]

    static func saysOldKeyInvalid(code: String?, texts: [String]) -> Bool {
        if let code, oldKeyCodes.contains(code.lowercased()) { return true }
        return texts.contains { text in
            let text = folded(text)
            // A text about the new key, or about a key's form, says nothing of which key is live.
            guard !text.contains("new key") && !text.contains("newkey") && !text.contains("nouvelle cle"),
                !text.contains("base64") && !text.contains("32 bytes") && !text.contains("32 octets")
            else { return false }
            let oldKey =
                /(old|previous|current)[ _]?(encryption )?key|oldkey|(ancienne|actuelle) cle|cle (de chiffrement )?(actuelle|precedente)/
            let isWrong =
                /invalid|incorrect|wrong|mismatch|does not (decrypt|match|open)|cannot (decrypt|be used)|erronee?|ne (dechiffre|correspond) pas/
            if text.firstMatch(of: oldKey) != nil, text.firstMatch(of: isWrong) != nil { return true }
            let decryption =
                /decrypt(ion)? (has )?failed|failed to decrypt|could not (be )?decrypt|(echec|erreur) (du|de) dechiffrement|dechiffrement (a )?(echoue|impossible)|impossible de dechiffrer/
            return text.firstMatch(of: decryption) != nil
        }
    }

    static func saysNotApplicable(code: String?, text: String?) -> Bool {
        if let code, notApplicableCodes.contains(code.lowercased()) { return true }
        guard let text = text.map(folded) else { return false }
        let secret =
            /no (\w+ )*(double|doubly)[ -]?(\w+ )*(secret|encrypt)|no secret (\w+ )*in double|aucun secret (\w+ )*double/
        return text.firstMatch(of: secret) != nil
    }

    static func saysUnknownClient(code: String?, text: String?) -> Bool {
        if let code, unknownClientCodes.contains(code.lowercased()) { return true }
        guard let text = text.map(folded) else { return false }
        return text.firstMatch(of: /client (was )?not found|client (introuvable|inconnu|non trouve)|unknown client/)
            != nil
    }

    private static func folded(_ text: String) -> String {
        text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: Locale(identifier: "en_US_POSIX"))
    }
}
