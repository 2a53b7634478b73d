import Logging
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct TransactionTests {
    private struct Refused: Error {}

    private var database: Database { TestDatabase.current.database }

    private func count() async throws -> Int {
        try await database.query("SELECT count(*) AS n FROM t")[0].decode("n")
    }

    @Test func `what the body did is kept when it returns and undone when it throws`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        let value = try await database.transaction { transaction in
            try await transaction.execute("INSERT INTO t VALUES (1), (2)")
        }
        #expect(value == 2)
        await #expect(throws: Refused.self) {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (3)")
                throw Refused()
            }
        }
        #expect(try await count() == 2)
    }

    @Test func `an error tells which statement failed and what the server named`() async throws {
        try await database.execute("CREATE TABLE t (n int CONSTRAINT small CHECK (n < 10))")
        let error = await failure {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                try await transaction.execute("INSERT INTO t VALUES (\(77)::int)")
            }
        }
        #expect(error?.kind == .server)
        #expect(error?.sqlState == "23514")
        #expect(error?.step == .statement(2))
        #expect(error?.constraint == "small")
        #expect(error?.table == "t")
        #expect(error?.description.contains("statement 2") == true)
        #expect(error?.description.contains("77") == false, "DETAIL quotes the row")
        #expect(error?.debugDescription.contains("77") == true)
        #expect(try await count() == 0)
    }

    @Test func `a value in the server's message stays out of the description`() async throws {
        let error = await failure { try await database.query("SELECT \("hunter2")::int") }
        #expect(error?.sqlState == "22P02")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `a constraint checked at the end fails the commit`() async throws {
        try await database.execute(
            "CREATE TABLE t (n int PRIMARY KEY, m int REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
        )
        let error = await failure {
            try await database.transaction { try await $0.execute("INSERT INTO t VALUES (1, 2)") }
        }
        #expect(error?.step == .commit)
        #expect(error?.sqlState == "23503")
        #expect(error?.outcomeUnknown == false, "the server said no")
        #expect(try await count() == 0)
    }

    @Test func `a swallowed error does not pass for a commit`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        let error = await failure {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                _ = await failure { try await transaction.execute("SELECT 1/0") }
            }
        }
        #expect(error?.step == .commit)
        #expect(try await count() == 0)
    }

    @Test func `a cancelled task rolls back and gives the connection back`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        let single = try makeDatabase { $0.maximumConnections = 1 }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await failure {
                    try await single.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        withUnsafeCurrentTask { $0?.cancel() }
                        try await transaction.execute("INSERT INTO t VALUES (2)")
                    }
                }
                #expect(error?.kind == .cancelled)
            }
        }
        let rows = try await single.query("SELECT count(*) AS n FROM t")
        #expect(try rows[0].decode("n") == 0)
        await single.close()
    }

    @Test func `a transaction kept beyond its body is refused`() async throws {
        let kept = try await database.transaction { $0 }
        #expect(await failure { try await kept.execute("SELECT 1") }?.kind == .unusable)
    }

    @Test func `two statements at once on one connection are refused, not mixed up`() async throws {
        try await database.transaction { transaction in
            let kinds = await withTaskGroup(of: PostgresError.Kind?.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        do throws(PostgresError) {
                            try await transaction.execute("SELECT pg_sleep(0.3)")
                            return nil
                        } catch {
                            return error.kind
                        }
                    }
                }
                return await group.reduce(into: [PostgresError.Kind?]()) { $0.append($1) }
            }
            #expect(kinds.count { $0 == nil } == 1)
            #expect(kinds.count { $0 == .unusable } == 1)
        }
    }

    @Test func `the isolation is what was asked for`() async throws {
        let level = try await database.transaction(isolation: .serializable) { transaction in
            try await transaction.query("SELECT current_setting('transaction_isolation') AS level")[0]
                .decode("level", as: String.self)
        }
        #expect(level == "serializable")
    }
}
