import FactPulse
import JobQueue
import Logging
import Postgres

/// An account on a server, and the settings' way to log in there. One database works for one account: what was learned
/// with one (which clients exist, which keys are live) is wrong for another, and a worker of another would do harm.
package struct Account: Sendable, Equatable {
    /// The API's address and who logs in there. However it is written, one account has one name.
    package let name: String

    package init(name: String) {
        self.name = name
    }

    /// - Parameter address: Host, port and path, see `FactPulseConfiguration.address(of:)`.
    package init(address: String, credentials: FactPulseCredentials?) {
        let login =
            switch credentials {
            case .password(let email, _): email
            // Two keys may be of two accounts. This much of its digest does not give a key away.
            case .apiKey(let key): "api-key-\(FileDigest.sha256(text: key.reveal).prefix(8))"
            case nil: ""
            }
        // Neither hosts nor logins care for capitals.
        self.init(name: "\(address)/\(login)".lowercased().replacing(" ", with: "_"))
    }
}

/// The database works for another account than the settings'. Nothing was written.
package struct OtherAccount: Error, CustomStringConvertible, RetryDecidingError {
    let owner: String
    let ours: String

    package var isWorthRetrying: Bool { false }

    package var description: String {
        "this database works for the account \(owner), and the settings are of \(ours): set FACTPULSE_API_URL and the "
            + "credentials of that account, or another DATABASE_URL; if it is the same account under a new address, login or "
            + "key, stop all workers and run factpulse-worker migrate --account-moved"
    }
}

extension Account {
    /// Whose the database is; `nil`: nobody's yet.
    package static func owner(of database: Database) async throws -> Account? {
        try await database.query("SELECT name FROM factpulse.accounts").first
            .map { Account(name: try $0.decode(at: 0, as: String.self)) }
    }

    /// - Throws: ``OtherAccount`` when the database is another's. One that is nobody's will do.
    package func check(_ database: Database) async throws {
        if let owner = try await Self.owner(of: database), owner != self {
            throw OtherAccount(owner: owner.name, ours: name)
        }
    }

    /// Makes the database this account's if it is nobody's. To be asked when the API has accepted a login, and before
    /// anything is recorded for the account.
    /// - Returns: the number under which the tables know it.
    /// - Throws: ``OtherAccount``.
    @discardableResult
    package func bind(_ database: Database) async throws -> Int64 {
        try await database.execute(
            """
            INSERT INTO factpulse.accounts (name)
            SELECT \(name) WHERE NOT EXISTS (SELECT FROM factpulse.accounts) ON CONFLICT DO NOTHING
            """
        )
        let (id, owner) = try await database.query("SELECT id, name FROM factpulse.accounts")[0]
            .decode((Int64.self, String.self))
        guard owner == name else { throw OtherAccount(owner: owner, ours: name) }
        return id
    }

    /// The same for a job, before it records anything; the API is asked first where the database is nobody's.
    func id(_ api: FactPulseClient, _ context: JobContext) async throws -> Int64 {
        let database = context.store.database
        if try await Self.owner(of: database) == nil {
            _ = try await api.account.listClients(page: 1, pageSize: 1)
        }
        return try await bind(database)
    }

    /// Hands the database over to this account, which is the former one under a new name. All that was recorded stays.
    /// - Returns: the former name; `nil`: the database was nobody's, and still is.
    package func takeOver(_ database: Database) async throws -> String? {
        let former = try await Self.owner(of: database)
        guard let former, former != self else { return former?.name }
        _ = try await database.pipeline([
            "UPDATE factpulse.accounts SET name = \(name) WHERE name = \(former.name)",
            "DELETE FROM queue.rate_limits WHERE name = \(former.name)",
        ])
        return former.name
    }

    /// How a job of another account ends here: this worker was started before the database was handed over.
    func leave(to owner: String, _ context: JobContext) -> JobOutcome {
        context.logger.error(
            "Left a job alone for a minute: the database was handed over to another account; start this worker again",
            metadata: ["account": "\(owner)", "ours": "\(name)"]
        )
        return .snooze(.seconds(60))
    }
}
