import Foundation
import Logging
import Migrations
import Postgres
import Testing

/// A database of the test's own, migrated, empty, and gone after the test.
package struct TestDatabase: Sendable {
    @TaskLocal private static var bound: TestDatabase?

    /// The database of the test that runs. Only in a test or suite with the trait `.database`.
    package static var current: TestDatabase {
        guard let bound else { preconditionFailure("give the test or its suite the trait .database") }
        return bound
    }

    package let url: String
    /// A pool of 8 connections.
    package let database: Database

    static func with(_ body: @concurrent @Sendable () async throws -> Void) async throws {
        let server = try Server()
        let template = try await Templates.shared.name(on: server)
        let name =
            "factpulse_test_\(UUID().uuidString.lowercased().prefix(8))_\(ProcessInfo.processInfo.processIdentifier)"
        try await server.run("CREATE DATABASE \(identifier: name) TEMPLATE \(identifier: template)")
        let url = try server.url(database: name)
        let database = Database(try PostgresConfiguration(url: url), logger: .quiet)
        let outcome: Result<Void, any Error>
        do {
            try await $bound.withValue(TestDatabase(url: url, database: database)) { try await body() }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        try await server.run("DROP DATABASE \(identifier: name) WITH (FORCE)")
        try outcome.get()
    }
}

/// The server that the tests use, from `DATABASE_URL`.
private struct Server {
    private let base: URLComponents

    init() throws {
        guard let text = ProcessInfo.processInfo.environment["DATABASE_URL"], let base = URLComponents(string: text)
        else {
            throw NoServer()
        }
        self.base = base
    }

    func url(database: String) throws -> String {
        var components = base
        components.path = "/" + database
        guard let text = components.string else { throw NoServer() }
        return text
    }

    func run(_ sql: SQL) async throws {
        guard let text = base.string else { throw NoServer() }
        var configuration = try PostgresConfiguration(url: text)
        configuration.maximumConnections = 1
        let database = Database(configuration, logger: .quiet)
        do {
            try await database.execute(sql, deadline: .seconds(60))
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }
}

private struct NoServer: Error, CustomStringConvertible {
    var description: String {
        "DATABASE_URL does not name a server: run the tests through scripts/test, which starts one"
    }
}

/// The migrated database that each test's is copied from: made once a process.
private actor Templates {
    static let shared = Templates()
    private var making: Task<String, any Error>?

    func name(on server: Server) async throws -> String {
        if let making { return try await making.value }
        // Unstructured, because the tests that wait for it do not own it: one of them failing must not undo it.
        let task = Task {
            let name = "factpulse_template_\(ProcessInfo.processInfo.processIdentifier)"
            try await server.run("DROP DATABASE IF EXISTS \(identifier: name)")
            try await server.run("CREATE DATABASE \(identifier: name)")
            let database = Database(try PostgresConfiguration(url: try server.url(database: name)), logger: .quiet)
            _ = try await Migrator(database, migrations: TestDatabase.migrations).apply()
            await database.close()
            return name
        }
        making = task
        return try await task.value
    }
}

extension TestDatabase {
    /// Every migration of this version.
    package static var migrations: [Migration] {
        Migrations.all.map { Migration(version: $0.version, name: $0.name, sql: $0.sql) }
    }
}

extension Logger {
    /// Says only what is wrong with the test itself.
    package static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }
}
