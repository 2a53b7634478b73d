import Postgres
import TestSupport
import Testing

@Suite(.database)
struct PlanTests {
    private func scans(_ database: Database) async throws -> String {
        try await database.withConnection { connection in
            let found = try await connection.query(
                "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%FROM grown WHERE id%'"
            )
            let name = try #require(found.first).decode(at: 0, as: String.self)
            let plan = try await connection.query("EXPLAIN EXECUTE \(identifier: name) (7)")
            return try plan.map { try $0.decode(at: 0, as: String.self) }.joined(separator: "\n")
        }
    }

    private func look(_ database: Database, times: Int = 1) async throws {
        for id in 1...times { try await database.query("SELECT id FROM grown WHERE id = \(id)") }
    }

    @Test func `a plan that was made for a small table is forgotten on demand`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        try await database.execute("CREATE TABLE grown (id int PRIMARY KEY) WITH (autovacuum_enabled = false)")
        try await database.execute("INSERT INTO grown SELECT generate_series(-2, 0)")
        try await database.execute("VACUUM ANALYZE grown")
        try await look(database, times: 7)
        try await database.execute("INSERT INTO grown SELECT generate_series(1, 50000)")
        #expect(try await scans(database).contains("Seq Scan"), "the trap")
        database.forgetPlans()
        try await look(database)
        #expect(try await scans(database).contains("Index Only Scan"))
    }

    @Test func `plans are forgotten once, within a transaction too, and no answer is lost`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        database.forgetPlans()
        #expect(try await database.query("SELECT 1 AS n")[0].decode("n", as: Int.self) == 1)
        try await database.transaction { transaction in
            for n in 1...3 {
                let answer = try await transaction.query("SELECT \(n)::int AS n")[0].decode("n", as: Int.self)
                #expect(answer == n)
            }
        }
        database.forgetPlans()
        try await database.transaction { transaction in
            let answers = try await transaction.pipeline(["SELECT 1 AS n", "SELECT \(5)::int AS n"])
            let numbers = try answers.map { try $0[0].decode("n", as: Int.self) }
            #expect(numbers == [1, 5])
        }
        database.forgetPlans()
        let error = await failure { try await database.query("SELECT 1 / \(0)::int AS n") }
        #expect(error?.sqlState == "22012")
        #expect(try await database.execute("SELECT 1 AS n") == 1)
    }
}
