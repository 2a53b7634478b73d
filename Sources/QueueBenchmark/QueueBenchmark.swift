import ArgumentParser
import Foundation
import JobQueue
import Logging
import Migrations
import Postgres

/// The measuring half of scripts/bench: works on the database of DATABASE_URL, which it fills and empties as it likes,
/// and prints `name value` lines.
@main
struct QueueBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue-benchmark",
        abstract: "Measures the job queue; scripts/bench compares the figures with what PostgreSQL can do at most.",
        subcommands: [
            MigrateCommand.self, EnqueueCommand.self, DrainCommand.self, LatencyCommand.self, IdleCommand.self,
            RoundTripCommand.self,
        ]
    )

    static let logger: Logger = {
        var logger = Logger(label: "queue-benchmark")
        logger.logLevel = .warning
        return logger
    }()

    static func postgres() throws -> PostgresConfiguration {
        guard let url = ProcessInfo.processInfo.environment["DATABASE_URL"] else {
            throw ValidationError("DATABASE_URL is not set: run scripts/bench, which starts a server.")
        }
        return try PostgresConfiguration(url: url)
    }

    /// - Parameter connections: The pool's bound; a worker of factpulse-worker has 8.
    static func database(connections: Int = 8) throws -> Database {
        var configuration = try postgres()
        configuration.maximumConnections = connections
        return Database(configuration, logger: logger)
    }

    static func report(_ name: String, _ value: Double) {
        print(name, String(format: "%.3f", value))
    }
}

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Makes the tables, and the kind of job that is measured."
    )

    func run() async throws {
        let database = try QueueBenchmark.database()
        let migrations = Migrations.all.map { Migration(version: $0.version, name: $0.name, sql: $0.sql) }
        _ = try await Migrator(database, migrations: migrations).apply()
        try await JobStore(database).declare([(Noop.kind, Noop.policy)])
        await database.close()
    }
}
