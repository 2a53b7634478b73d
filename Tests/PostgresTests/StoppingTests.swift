import Foundation
import Logging
import Postgres
import TestSupport
import Testing

/// Deadlines and cancelled tasks.
@Suite(.database)
struct StoppingTests {
    private func isRunning(_ process: Int) -> SQL {
        "EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(process)::int AND state = 'active' AND query LIKE '%pg_sleep%')"
    }

    @Test func `a deadline stops the statement on the server and leaves the connection usable`() async throws {
        let database = TestDatabase.current.database
        try await database.withConnection { connection in
            let start = ContinuousClock.now
            let error = await failure {
                try await connection.query("SELECT pg_sleep(30)", deadline: .milliseconds(200))
            }
            #expect(error?.kind == .deadlineExceeded)
            #expect(error?.isTransient == true)
            #expect(error?.outcomeUnknown == false, "the server said that it stopped")
            #expect(ContinuousClock.now - start < .seconds(15), "far from the statement's 30, even on a busy machine")
            #expect(try await connection.query("SELECT 1 AS one")[0].decode("one") == 1)
            let running = try await database.query("SELECT \(isRunning(connection.processID)) AS running")
            #expect(try running[0].decode("running") == false)
        }
    }

    @Test func `a cancelled task stops its statement on the server, not only here`() async throws {
        let database = TestDatabase.current.database
        try await database.withConnection { connection in
            let error = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await failure { try await connection.query("SELECT pg_sleep(30)") } }
                try await until(isRunning(connection.processID), on: database)
                group.cancelAll()
                try await until("NOT \(isRunning(connection.processID))", on: database)
                return try await group.next() ?? nil
            }
            #expect(error?.kind == .cancelled)
            #expect(error?.isTransient == false)
            #expect(try await connection.query("SELECT 1 AS one")[0].decode("one") == 1)
        }
    }

    @Test func `a task that is already cancelled sends nothing`() async throws {
        let database = TestDatabase.current.database
        try await database.execute("CREATE TABLE t (n int)")
        let error = await withTaskGroup(of: PostgresError?.self) { group in
            group.cancelAll()
            group.addTask { await failure { try await database.execute("INSERT INTO t VALUES (1)") } }
            return await group.next() ?? nil
        }
        #expect(error?.kind == .cancelled)
        #expect(try await database.query("SELECT FROM t").isEmpty)
    }

    @Test func `cancelling again and again never hits the next statement`() async throws {
        try await TestDatabase.current.database.withConnection { connection in
            for round in 0..<60 {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        // Ends on its own in some rounds, by the cancellation in others.
                        _ = try? await connection.query("SELECT pg_sleep(\(Double(round % 6) / 1000)::float8)")
                    }
                    try? await Task.sleep(for: .milliseconds(3))
                    group.cancelAll()
                }
                let rows = try await connection.query("SELECT \(round)::int AS round")
                #expect(try rows[0].decode("round") == round)
            }
        }
    }

    @Test func `a path that went silent ends by the deadline`() async throws {
        let proxy = try Proxy(to: TestDatabase.current.url)
        let database = try makeDatabase(url: proxy.url) { $0.maximumConnections = 1 }
        try await database.execute("SELECT 1")
        proxy.set(.swallow)
        let start = ContinuousClock.now
        let error = await failure { try await database.execute("SELECT 2", deadline: .milliseconds(300)) }
        #expect(error?.kind == .deadlineExceeded)
        #expect(error?.outcomeUnknown == true)
        // The deadline, and 2 seconds for the answer to the cancel request.
        #expect(ContinuousClock.now - start < .seconds(15))
        proxy.set(.relay)
        #expect(try await database.query("SELECT 3 AS n")[0].decode("n") == 3, "a new connection took its place")
        await database.close()
        proxy.close()
    }

    @Test func `waiting for Postgres never blocks the cooperative pool`() async throws {
        let database = try makeDatabase { $0.applicationName = "sleepers" }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { #expect(await failure { try await database.execute("SELECT pg_sleep(30)") } != nil) }
            }
            // The pool has a thread a core: were they blocked, there would never be 8 at once, and nobody to ask.
            let sleepers: SQL = """
                SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sleepers' AND state = 'active'
                   AND datname = current_database()
                """
            await #expect(throws: Never.self) {
                try await until("(\(sleepers)) = 8", on: TestDatabase.current.database)
            }
            group.cancelAll()
        }
        await database.close()
    }
}
