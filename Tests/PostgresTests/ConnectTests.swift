import Foundation
import Logging
import Postgres
import TestSupport
import Testing

struct ConnectTests {
    private func refusal(_ code: String?, timeout: Duration = .seconds(5)) async throws -> PostgresError? {
        let server = try RefusingServer(code, words: "no, café")
        defer { server.close() }
        let url = "postgresql://joe:hunter2@127.0.0.1:\(server.port)/db?sslmode=disable&gssencmode=disable"
        let database = try makeDatabase(url: url) { $0.connectTimeout = timeout }
        let error = await failure { try await database.execute("SELECT 1") }
        await database.close()
        let words = error.map { "\($0) \($0.debugDescription) \(String(reflecting: $0))" }
        #expect(words?.contains("hunter2") == false)
        return error
    }

    @Test func `a wrong password is told apart, with its cure and without the password`() async throws {
        let error = try await refusal("28P01")
        #expect(error?.kind == .authenticationFailed)
        #expect(error?.sqlState == "28P01")
        #expect(error?.isTransient == false)
        #expect(error?.description.contains("check the user and the password") == true)
    }

    @Test func `a server that is starting or full is worth another try`() async throws {
        for code in ["57P03", "53300"] {
            let error = try await refusal(code)
            #expect(error?.kind == .unavailable)
            #expect(error?.isTransient == true)
        }
    }

    @Test func `a refused connection tells what to check`() async throws {
        let (listener, port) = try Proxy.listen()
        close(listener)
        let database = try makeDatabase(url: "postgresql://joe:hunter2@127.0.0.1:\(port)/db")
        let error = await failure { try await database.execute("SELECT 1") }
        #expect(error?.kind == .unavailable)
        #expect(error?.isTransient == true)
        #expect(error?.description.contains("check that PostgreSQL runs there") == true)
        #expect(error?.description.contains("hunter2") == false)
        await database.close()
    }

    @Test func `a server that never answers is given up after the timeout`() async throws {
        let start = ContinuousClock.now
        let error = try await refusal(nil, timeout: .milliseconds(300))
        #expect(error?.kind == .unavailable)
        #expect(error?.description.contains("no answer within 0.3 seconds") == true)
        #expect(ContinuousClock.now - start < .seconds(9), "libpq alone would wait for as long as the server likes")
    }

    @Test func `a cancelled task gives up connecting`() async throws {
        let server = try RefusingServer(nil, words: "")
        let database = try makeDatabase(url: "postgresql://127.0.0.1:\(server.port)/db") {
            $0.connectTimeout = .seconds(30)
        }
        let start = ContinuousClock.now
        let error = await withTaskGroup(of: PostgresError?.self) { group in
            group.addTask { await failure { try await database.execute("SELECT 1") } }
            try? await Task.sleep(for: .milliseconds(50))
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(error?.kind == .cancelled)
        #expect(ContinuousClock.now - start < .seconds(25), "not at its deadline")
        await database.close()
        server.close()
    }

    @Test(.database) func `an unknown database is told apart`() async throws {
        var url = try #require(URLComponents(string: TestDatabase.current.url))
        url.path = "/no_such_database"
        let database = try makeDatabase(url: url.string)
        let error = await failure { try await database.execute("SELECT 1") }
        #expect(error?.kind == .refused)
        #expect(error?.sqlState == "3D000")
        #expect(error?.description.contains("create that database") == true)
        await database.close()
    }

    @Test func `a URL that cannot be read is not repeated`() {
        let error = #expect(throws: PostgresError.self) {
            try PostgresConfiguration(url: "postgresql://joe:hunter2%zz@host/db")
        }
        #expect(error?.kind == .configuration)
        #expect(error?.description.contains("percent-encode") == true)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `a configuration never shows its password`() throws {
        let configuration = try PostgresConfiguration(url: "postgresql://joe:hunter2@host/db")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("host=host"))
        }
    }

    @Test(.database) func `the session has its limits and its name`() async throws {
        let database = try makeDatabase { $0.lockTimeout = .milliseconds(1500) }
        let row = try await database.query(
            """
            SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
                   current_setting('idle_in_transaction_session_timeout') AS idle,
                   current_setting('application_name') AS name
            """
        )[0]
        #expect(try row.decode("lock") == "1500ms")
        #expect(try row.decode("statement") == "30s")
        #expect(try row.decode("idle") == "30s")
        #expect(try row.decode("name") == "factpulse-worker")
        await database.close()
    }
}
