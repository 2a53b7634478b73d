import Foundation
import Postgres
import Testing

extension TestDatabase {
    /// Lends a role without any rights in this database, gone afterwards. Where the user of `DATABASE_URL` may not
    /// create roles, the test ends here, as skipped.
    package func withWeakRole(_ body: (_ role: String) async throws -> Void) async throws {
        let rows = try await database.query(
            "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        guard try rows[0].decode(at: 0, as: Bool.self) else {
            try Test.cancel("the user of DATABASE_URL may not create roles")
        }
        // Roles belong to the whole server.
        let role = "weak_\(UUID().uuidString.lowercased().prefix(8))"
        try await database.execute("CREATE ROLE \(identifier: role)")
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(role))
        } catch {
            outcome = .failure(error)
        }
        try await database.execute("DROP OWNED BY \(identifier: role)")
        try await database.execute("DROP ROLE \(identifier: role)")
        try outcome.get()
    }
}
