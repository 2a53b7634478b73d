import Logging
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct BrokenConnectionTests {
    @Test func `a connection that died while idle is replaced unseen`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        let first = try await database.withConnection { $0.processID }
        let administrator = TestDatabase.current.database
        try await administrator.execute("SELECT pg_terminate_backend(\(first)::int, 5000)")
        // The end of the stream reaches this process within a millisecond or so of the process's end.
        try await Task.sleep(for: .milliseconds(50))
        let second = try await database.withConnection { connection in
            try await connection.execute("SELECT 1")
            return connection.processID
        }
        #expect(second != first)
        await database.close()
    }

    @Test func `a backend terminated under a statement is a lost connection, and the next statement works`()
        async throws
    {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        let administrator = TestDatabase.current.database
        let process = try await database.withConnection { $0.processID }
        let error = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
            group.addTask { await failure { try await database.execute("SELECT pg_sleep(30)") } }
            let isActive: SQL = "SELECT FROM pg_stat_activity WHERE pid = \(process)::int AND state = 'active'"
            try await until("EXISTS (\(isActive))", on: administrator)
            try await administrator.execute("SELECT pg_terminate_backend(\(process)::int)")
            return try await group.next() ?? nil
        }
        #expect(error?.kind == .connectionLost)
        #expect(error?.sqlState == "57P01", "the server's own reason is kept")
        #expect(error?.isTransient == true)
        #expect(error?.outcomeUnknown == false, "the server said that it gave up")
        #expect(try await database.query("SELECT 1 AS one")[0].decode("one") == 1)
        await database.close()
    }

    @Test func `a commit whose answer is lost says that its outcome is unknown`() async throws {
        let direct = TestDatabase.current.database
        try await direct.execute("CREATE TABLE t (n int)")
        let proxy = try Proxy(to: TestDatabase.current.url)
        let database = try makeDatabase(url: proxy.url)
        let error = await failure {
            try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                proxy.set(.cutAnswer(to: "COMMIT"))
            }
        }
        #expect(error?.kind == .connectionLost)
        #expect(error?.step == .commit)
        #expect(error?.outcomeUnknown == true)
        #expect(error?.description.contains("not known") == true)
        try await until("(SELECT count(*) FROM t) = 1", on: direct)
        await database.close()
        proxy.close()
    }

    @Test func `an insert lost outside of a transaction is unknown, inside of one it is not`() async throws {
        try await TestDatabase.current.database.execute("CREATE TABLE t (n int)")
        let proxy = try Proxy(to: TestDatabase.current.url)
        let database = try makeDatabase(url: proxy.url)
        proxy.set(.cutAnswer(to: "INSERT"))
        let alone = await failure { try await database.execute("INSERT INTO t VALUES (1)") }
        #expect(alone?.outcomeUnknown == true)
        let inside = await failure {
            try await database.transaction { try await $0.execute("INSERT INTO t VALUES (2)") }
        }
        #expect(inside?.kind == .connectionLost)
        #expect(inside?.step == .statement(1))
        #expect(inside?.outcomeUnknown == false)
        await database.close()
        proxy.close()
    }
}
