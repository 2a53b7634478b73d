import Foundation
import KeyVault

/// What a rotation that has ended tells an operator, at 3 in the morning too: what happened, to whom, what is safe, and what
/// to do next.
package struct RotationReport: Sendable {
    let end: RotationEnd
    let client: String
    let text: String
    /// Set where a person must act.
    let alarm: String?

    init(_ end: RotationEnd, _ rotation: ClientRotation) {
        self.end = end
        client = rotation.client.lowercased
        let kept =
            "all of its keys are kept, sealed: versions \(rotation.keys.keys.sorted().map(String.init).joined(separator: ", "))"
        switch end {
        case .succeeded, .resolved: text = "version \(rotation.rules.proven ?? 0) is live"
        case .outOfBand:
            text =
                "version \(rotation.rules.proven ?? 0) is live; the key before it was not the one that we believed to be live: "
                + "somebody else rotated, or FactPulse was restored from a backup"
        case .notApplicable: text = "the client has no secret in double encryption mode"
        case .refused: text = "FactPulse refused; the key from before is still live"
        case .split:
            text = "client \(client): a rotation changed the key of some secrets and not of others; \(kept)."
        case .lost: text = "client \(client): FactPulse takes none of its keys for all of its secrets; \(kept)."
        case .needsReview:
            text = "client \(client): FactPulse's answers do not tell which of its keys is live; \(kept)."
        }
        alarm = Self.cure(end, rotation.client).map { [text] in "\(text) \($0)" }
    }

    /// What a person has to do about such an end; `nil`: nothing.
    package static func cure(_ end: RotationEnd, _ client: UUID) -> String? {
        let client = client.lowercased
        let again = "factpulse-worker keys rotate \(client) --resume"
        let anew =
            "decide for one version with factpulse-worker keys resolve \(client) --live VERSION --reason WHY, then set its PDP "
            + "secret again with bulk configure-pdp and its Chorus Pro secret in FactPulse's dashboard"
        return switch end {
        case .split: "To mend it \(anew)"
        case .lost:
            """
            Was our database restored? Run factpulse-worker keys restore, then \(again). Did somebody rotate elsewhere? Run keys \
            import with that key, then the same. Otherwise \(anew)
            """
        case .needsReview:
            """
            See what it answered with factpulse-worker keys status \(client); once it answers again run \(again)
            """
        case .succeeded, .outOfBand, .refused, .notApplicable, .resolved: nil
        }
    }

    /// For a client that has none.
    package static func noKey(_ client: UUID) -> String {
        "client \(client.lowercased) has no key in the vault: bring it in with factpulse-worker keys import"
    }
}
