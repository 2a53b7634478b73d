/// What a bulk run does with each row of its file.
package enum BulkOperation: String, Sendable, CaseIterable {
    case createClients = "create-clients"

    /// The fields that its rows have.
    package var schema: RowSchema {
        switch self {
        case .createClients: .createClients
        }
    }
}
