import Logging
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct PoolTests {
    /// Holds the only connection of a pool until told otherwise.
    private func holdingOne(
        _ database: Database,
        while body: @Sendable () async throws -> Void
    ) async throws {
        let (isHeld, held) = AsyncStream.makeStream(of: Void.self)
        let (mayEnd, end) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await database.withConnection { _ in
                    held.finish()
                    for await _ in mayEnd {}
                }
            }
            for await _ in isHeld {}
            try await body()
            end.finish()
            try await group.waitForAll()
        }
    }

    @Test func `there are never more connections than the bound`() async throws {
        let database = try makeDatabase {
            $0.maximumConnections = 3
            $0.applicationName = "bounded"
            $0.poolTimeout = .seconds(60)
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    try await database.query(
                        """
                        SELECT count(*)::int AS n
                          FROM pg_stat_activity
                         WHERE application_name = 'bounded' AND datname = current_database()
                        """
                    )[0].decode("n")
                }
            }
            for try await count in group { #expect(count <= 3) }
        }
        await database.close()
    }

    @Test func `a full pool is reported after the wait, with its cure`() async throws {
        let database = try makeDatabase {
            $0.maximumConnections = 1
            $0.poolTimeout = .milliseconds(100)
        }
        try await holdingOne(database) {
            let start = ContinuousClock.now
            let error = await failure { try await database.execute("SELECT 1") }
            #expect(error?.kind == .poolTimeout)
            #expect(error?.isTransient == true)
            #expect(error?.description.contains("make the pool larger") == true)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
        #expect(try await database.query("SELECT 1 AS one")[0].decode("one") == 1)
        await database.close()
    }

    @Test func `whoever asked first is served first`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        let (turns, turn) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await database.withConnection { _ in
                for number in 0..<10 {
                    group.addTask {
                        try await database.withConnection { _ in _ = turn.yield(number) }
                    }
                    // Its turn to ask is over when it waits.
                    while database.waiting < number + 1 { await Task.yield() }
                }
            }
            try await group.waitForAll()
        }
        turn.finish()
        #expect(await turns.reduce(into: []) { $0.append($1) } == Array(0..<10))
        await database.close()
    }

    @Test func `a cancelled waiter leaves the queue`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        try await holdingOne(database) {
            let error = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await failure { try await database.execute("SELECT 1") } }
                while database.waiting == 0 { await Task.yield() }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error?.kind == .cancelled)
            #expect(database.waiting == 0)
        }
        #expect(try await database.query("SELECT 1 AS one")[0].decode("one") == 1)
        await database.close()
    }

    @Test func `a closed pool refuses, and so does one that closes while somebody waits`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        try await holdingOne(database) {
            let error = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await failure { try await database.execute("SELECT 1") } }
                while database.waiting == 0 { await Task.yield() }
                await database.close()
                return await group.next() ?? nil
            }
            #expect(error?.kind == .unusable)
        }
        #expect(await failure { try await database.execute("SELECT 1") }?.kind == .unusable)
    }

    @Test func `a transaction left open does not reach the next user`() async throws {
        let database = try makeDatabase { $0.maximumConnections = 1 }
        try await database.withConnection { connection in
            try await connection.execute("BEGIN")
            try await connection.execute("CREATE TABLE half_done ()")
        }
        let rows = try await database.query("SELECT to_regclass('half_done') IS NULL AS gone")
        #expect(try rows[0].decode("gone") == true)
        await database.close()
    }

    @Test func `a pool dropped without closing leaves no session behind`() async throws {
        let administrator = TestDatabase.current.database
        do {
            let database = try makeDatabase { $0.applicationName = "dropped" }
            try await database.execute("SELECT 1")
        }
        try await until(
            "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'dropped' AND datname = current_database())",
            on: administrator
        )
    }
}
