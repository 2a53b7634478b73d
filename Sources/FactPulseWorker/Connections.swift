import FactPulse
import Foundation
import JobQueue
import Jobs
import Logging
import Migrations
import Postgres

/// Opens what a command needs of the world, as its settings say.
extension Settings {
    /// - Parameter standard: The level where none is configured: a command that prints data leaves the talking to it.
    func makeLogger(standard: Logger.Level = .error) -> Logger {
        logFormat.makeLogger(level: logLevel ?? standard)
    }

    func postgres() throws -> PostgresConfiguration {
        var configuration = try PostgresConfiguration(url: databaseURL, called: "DATABASE_URL")
        configuration.maximumConnections = databasePool
        configuration.preparedStatements = !throughPgBouncer
        configuration.sessionSettings = !throughPgBouncer
        return configuration
    }

    /// How to reach the database for LISTEN; `nil`: not at all.
    func postgresForListening() throws -> PostgresConfiguration? {
        guard listens else { return nil }
        if let listenURL { return try PostgresConfiguration(url: listenURL, called: "DATABASE_LISTEN_URL") }
        return throughPgBouncer ? nil : try postgres()
    }

    /// A database whose schema this program can work with.
    /// - Throws: `PostgresError`; of kind `.migration` when the schema is older than the program.
    func openDatabase(_ logger: Logger) async throws -> Database {
        let database = Database(try postgres(), logger: logger)
        try await Schema.migrator(database).check()
        return database
    }

    /// The same for a command that acts for the account.
    /// - Throws: also ``OtherAccount``, when there are credentials and they are not of the account that it works for.
    func openOwnDatabase(_ logger: Logger) async throws -> Database {
        let database = try await openDatabase(logger)
        if credentials != nil { try await account.check(database) }
        return database
    }

    var settleTimes: SettleTimes { SettleTimes(requestTimeout: requestTimeout, grace: settleGrace) }

    var syncAges: SyncAges { SyncAges(clients: clientsMaxAge, pdp: pdpMaxAge) }

    /// The API's address without what somebody may have written before its host, which may be a password.
    var shownURL: String {
        guard let scheme = apiURL.range(of: "://") else { return apiURL }
        let host = apiURL[scheme.upperBound...]
        guard let end = host.prefix(while: { $0 != "/" }).lastIndex(of: "@") else { return apiURL }
        return String(apiURL[..<scheme.upperBound] + host[host.index(after: end)...])
    }

    /// Whose clients they are. Its name is one word without blanks, which also names the rate limit.
    var account: Account { Account(address: FactPulseConfiguration.address(of: shownURL), credentials: credentials) }

    /// How to reach the API.
    /// - Throws: ``SettingsError`` when no credentials are set.
    func factPulse() throws -> FactPulseConfiguration {
        guard let credentials else {
            throw SettingsError(
                key: "FACTPULSE_EMAIL",
                problem: "and FACTPULSE_PASSWORD (or FACTPULSE_API_KEY) are not set",
                cure: "set them to the account's credentials"
            )
        }
        do {
            var configuration = try FactPulseConfiguration(baseURL: apiURL, credentials: credentials)
            configuration.requestTimeout = requestTimeout
            configuration.version = FactPulseWorker.version
            return configuration
        } catch {
            throw SettingsError(key: "FACTPULSE_API_URL", problem: "cannot be used", cure: "\(error)")
        }
    }

    /// Lends an API client, and closes its connections after.
    func withAPI<Value>(
        gate: any RequestGate = OpenGate(),
        logger: Logger,
        _ body: (FactPulseClient) async throws -> Value
    ) async throws -> Value {
        let api = FactPulseClient(try factPulse(), gate: gate, logger: logger)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(api))
        } catch {
            outcome = .failure(error)
        }
        try await api.shutdown()
        return try outcome.get()
    }
}

/// The database schema that this program works with.
enum Schema {
    static func migrator(_ database: Database) -> Migrator {
        Migrator(
            database,
            migrations: Migrations.all.map { Migration(version: $0.version, name: $0.name, sql: $0.sql) }
        )
    }
}
