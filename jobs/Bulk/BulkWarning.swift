/// What a person should know of a row whose client was there before.
package enum BulkWarning: String, Sendable {
    case existsOtherName = "EXISTS_OTHER_NAME"
    case existsOtherSiret = "EXISTS_OTHER_SIRET"
    case existsInactive = "EXISTS_INACTIVE"
    case existsTwice = "EXISTS_TWICE"

    /// In the words of a summary: "3 rows, …".
    package var meaning: String {
        switch self {
        case .existsOtherName: "whose client has another name in FactPulse"
        case .existsOtherSiret: "whose client has another SIRET in FactPulse, or none"
        case .existsInactive: "whose client is inactive in FactPulse; to use it: bulk activate"
        case .existsTwice: "whose SIRET several clients have in FactPulse"
        }
    }
}
