import Jobs

/// What an operation does, in the words of somebody who imports a file.
extension BulkOperation {
    /// As in "3 rows to create".
    var verb: String {
        switch self {
        case .createClients: "create"
        case .updateClients: "update"
        case .activate: "activate"
        case .deactivate: "deactivate"
        case .configurePDP: "configure"
        case .rotateKeys: "rotate the key of"
        case .generateWebhookSecrets: "give a webhook secret"
        }
    }

    /// What the comparison with FactPulse finds out.
    var start: String {
        self == .createClients ? "Existing clients are found" : "The rows' clients are looked up"
    }

    /// What a row in this state means.
    func meaning(of state: BulkRowState) -> String {
        switch state {
        case .staged: "to be compared with FactPulse"
        case .rejected: "cannot be sent: the file says why"
        case .duplicate: "repeats another row"
        case .exists: self == .createClients ? "FactPulse had this client before" : "was so already"
        case .ready: "to be sent"
        case .sending: "being sent"
        case .done: done
        case .failed: "not done: the row says why"
        case .uncertain: "the answer was lost: being settled"
        case .needsReview: "a person has to decide"
        case .skipped: "left out"
        }
    }

    private var done: String {
        switch self {
        case .createClients: "created"
        case .updateClients: "updated"
        case .activate: "activated"
        case .deactivate: "deactivated"
        case .configurePDP: "configured"
        case .rotateKeys: "has a new key"
        case .generateWebhookSecrets: "has a new webhook secret"
        }
    }

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
