/// Everything that the doctor looks at, in the order of the report.
enum Check: String, CaseIterable, Encodable, Sendable {
    case settings, secrets
    case database, schema, rights, account, durability, connections, pooler, transactions
    case workers, rateLimit = "rate limit", jobs, batches, runs, rows, sync
    case api, credentials, clients, quota
    case clock

    /// What must be well before this can be looked at.
    var foundation: Check? {
        switch self {
        case .settings: nil
        case .secrets, .database, .api: .settings
        case .schema, .durability, .connections, .pooler, .transactions, .clock: .database
        case .rights: .schema
        case .account, .workers, .runs, .sync: .rights
        case .rateLimit, .jobs, .batches: .workers
        case .rows: .runs
        case .credentials: .api
        case .clients, .quota: .credentials
        }
    }
}
