import JobQueue
import Logging
import Postgres

/// The account that this worker calls the API for. Runs of another one are left alone: what was rehearsed against one
/// server must not go on against the next.
package struct Account: Sendable, Equatable {
    /// The API's address and who logs in there.
    package let name: String

    package init(name: String) {
        self.name = name
    }

    /// How a job of another account ends here. Longer than a draining worker waits for what is due.
    func leave(to owner: String, _ context: JobContext) -> JobOutcome {
        context.logger.warning(
            "Left a job alone for ten minutes: it is of another account than this worker's; see FACTPULSE_API_URL",
            metadata: ["account": "\(owner)", "ours": "\(name)"]
        )
        return .snooze(.seconds(600))
    }
}

extension Account {
    /// The number under which the tables know it.
    func id(_ context: JobContext) async throws -> Int64 {
        try await context.write(
            """
            INSERT INTO factpulse.accounts (name)
            SELECT \(name) WHERE NOT EXISTS (SELECT FROM factpulse.accounts WHERE name = \(name)) ON CONFLICT DO NOTHING
            """,
            "SELECT id FROM factpulse.accounts WHERE name = \(name)"
        )[1][0].decode(at: 0, as: Int64.self)
    }
}
