import JobQueue

/// What a bulk run does with each row of its file.
package enum BulkOperation: String, Sendable, CaseIterable {
    case createClients = "create-clients"
    case updateClients = "update-clients"
    case activate
    case deactivate
    case configurePDP = "configure-pdp"
    case rotateKeys = "rotate-keys"
    case generateWebhookSecrets = "generate-webhook-secrets"

    /// The fields that its rows have.
    package var schema: RowSchema {
        switch self {
        case .createClients: .createClients
        case .updateClients: .updateClients
        case .activate, .deactivate, .rotateKeys, .generateWebhookSecrets: .clients
        case .configurePDP: .configurePDP
        }
    }

    /// The jobs that send its rows, one a row.
    var jobKind: JobKind { self == .createClients ? CreateClient.kind : ChangeClient.kind }
}

extension BulkOperation {
    /// What goes to the API of a row, beside the columns of `bulk_rows`: by field; `nil` clears the value, an absent field
    /// leaves it as it is.
    func fields(_ row: RowCursor) -> [String: String?] {
        let columns = self == .createClients ? ["name", "siret"] : ["uid", "siret"]
        var fields: [String: String?] = [:]
        for field in schema.fields where !field.isSecret && (!columns.contains(field.name) || isNewSiret(field, row)) {
            if let value = row.value(of: field.name) { fields[field.name] = value }
            if row.isNull(field.name) { fields[field.name] = .some(nil) }
        }
        if self == .generateWebhookSecrets, row.file.options.rotate { fields[GenerateWebhookSecret.rotate] = "true" }
        return fields
    }

    /// The SIRET that a row finds its client by.
    func siret(_ row: RowCursor) -> String? {
        isNewSiret(.siret, row) ? nil : row.value(of: "siret")
    }

    /// Beside a uid, the SIRET is one that the client is to get.
    private func isNewSiret(_ field: FieldSpec, _ row: RowCursor) -> Bool {
        self == .updateClients && field.name == "siret" && row.value(of: "uid") != nil
    }
}
