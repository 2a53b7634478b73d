import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct ListenerTests {
    @Test func `notifications arrive, also after the session was cut`() async throws {
        let database = TestDatabase.current.database
        let configuration = try PostgresConfiguration(url: TestDatabase.current.url)
        let listener = Listener(configuration, channels: ["job \"ready\"", "other"], logger: .quiet)
        let events = listener.events.makeAsyncIterator()
        #expect(await events.next() == .connected)
        try await database.execute("SELECT pg_notify('job \"ready\"', 'é 1')")
        #expect(await events.next() == .notification(channel: "job \"ready\"", payload: "é 1"))

        try await database.execute(
            """
            SELECT pg_terminate_backend(pid, 5000)
              FROM pg_stat_activity
             WHERE query LIKE 'LISTEN%' AND datname = current_database()
            """
        )
        #expect(await events.next() == .connected)
        try await database.execute("SELECT pg_notify('other', '2')")
        #expect(await events.next() == .notification(channel: "other", payload: "2"))
    }

    @Test func `a cancelled task ends the events and the session`() async throws {
        let database = TestDatabase.current.database
        let configuration = try PostgresConfiguration(url: TestDatabase.current.url)
        let (isConnected, connected) = AsyncStream.makeStream(of: Void.self)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in Listener(configuration, channels: ["a"], logger: .quiet).events
                where event == .connected {
                    connected.finish()
                }
            }
            for await _ in isConnected {}
            group.cancelAll()
        }
        let sessions: SQL = "SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        try await until("NOT EXISTS (\(sessions))", on: database)
    }

    @Test func `a server that is not there does not end the events`() async throws {
        let (socket, port) = try Proxy.listen()
        close(socket)
        let configuration = try PostgresConfiguration(url: "postgresql://127.0.0.1:\(port)/db")
        await withTaskGroup(of: Int.self) { group in
            group.addTask {
                var count = 0
                for await _ in Listener(configuration, channels: ["a"], logger: .quiet).events { count += 1 }
                #expect(Task.isCancelled)
                return count
            }
            try? await Task.sleep(for: .milliseconds(300))
            group.cancelAll()
            #expect(await group.next() == 0)
        }
    }
}
