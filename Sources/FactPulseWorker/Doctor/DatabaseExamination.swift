import Foundation
import JobQueue
import Jobs
import Logging
import Postgres

/// The looks at the database and at what is in it.
struct DatabaseExamination {
    /// Both for a connection and for one answer.
    private static let patience = Duration.seconds(5)
    private static let oldestVersion = 150_000

    private let settings: Settings
    private let diagnosis: Diagnosis

    init(_ settings: Settings, _ diagnosis: Diagnosis) {
        self.settings = settings
        self.diagnosis = diagnosis
    }

    /// - Returns: How far the database's clock is ahead of this host's; `nil` when it could not be asked.
    func run(_ logger: Logger) async -> Duration? {
        do {
            var configuration = try settings.postgres()
            configuration.maximumConnections = 2
            configuration.connectTimeout = Self.patience
            configuration.deadline = Self.patience
            let database = Database(configuration, logger: logger)
            // The first connection takes longer than the question.
            _ = try await database.serverFacts()
            let (begin, start) = (Date.now, ContinuousClock.now)
            let facts = try await database.serverFacts()
            let roundTrip = ContinuousClock.now - start
            let finding = finding(facts)
            diagnosis[.database] = finding
            if finding.isOK { await examine(database, facts) }
            await database.close()
            return .seconds(facts.clock.timeIntervalSince(begin)) - roundTrip / 2
        } catch {
            diagnosis[.database] = Finding(error)
            return nil
        }
    }

    private func finding(_ facts: ServerFacts) -> Finding {
        if facts.version < Self.oldestVersion {
            return .failed(
                .configuration,
                "PostgreSQL \(facts.versionName) is too old: upgrade the server to version 15 or later"
            )
        }
        if facts.isStandby {
            return .failed(
                .configuration,
                "the server is a standby, which cannot be written: name its primary in DATABASE_URL"
            )
        }
        if facts.isReadOnly {
            return .failed(
                .configuration,
                "the database is read-only: ALTER DATABASE \(facts.database) or ALTER ROLE \(facts.user) RESET "
                    + "default_transaction_read_only"
            )
        }
        return .ok("PostgreSQL \(facts.versionName), database \(facts.database), user \(facts.user)")
    }

    private func examine(_ database: Database, _ facts: ServerFacts) async {
        diagnosis[.durability] = ServerChecks.durability(facts)
        await diagnosis.look(.pooler) {
            ServerChecks.pooler(try await database.pooler(), isKnown: settings.throughPgBouncer, facts)
        }
        await diagnosis.look(.transactions) {
            let held = try await database.heldSnapshots(longerThan: ServerChecks.longTransaction)
            return ServerChecks.transactions(held, seesOthers: facts.seesOthers)
        }
        var workers = 0
        if await diagnosis.look(.schema, { try await schema(database) }),
            await diagnosis.look(.rights, { try await rights(database, facts) })
        {
            await diagnosis.look(.account) { try await account(database) }
            workers = await examineWork(database)
        }
        diagnosis[.connections] = ServerChecks.connections(facts, workers: workers, pool: settings.databasePool)
    }

    private func schema(_ database: Database) async throws -> Finding {
        let migrator = Schema.migrator(database)
        try await migrator.check()
        let newer = try await migrator.status().filter { !$0.isShipped }
        guard let newest = newer.last else { return .ok("up to date") }
        return .ok("newer than this program (migration \(newest.version)), which works with it")
    }

    private func account(_ database: Database) async throws -> Finding {
        if settings.credentials != nil { try await settings.account.check(database) }
        guard let owner = try await Account.owner(of: database) else {
            return .ok("none yet: the first that uses the database makes it its own")
        }
        return .ok("the database works for \(owner.name)")
    }

    private func rights(_ database: Database, _ facts: ServerFacts) async throws -> Finding {
        ServerChecks.rights(try await database.missingRights(in: ["queue", "factpulse", "reporting"]), facts)
    }

    /// - Returns: How many workers live.
    private func examineWork(_ database: Database) async -> Int {
        var living = 0
        do {
            let queue = try await JobStore(database).overview()
            living = queue.workers.count(where: \.isAlive)
            diagnosis[.workers] = QueueChecks.workers(queue)
            diagnosis[.rateLimit] = QueueChecks.rateLimit(queue, settings)
            diagnosis[.jobs] = QueueChecks.jobs(queue)
            diagnosis[.batches] = QueueChecks.batches(queue)
        } catch {
            diagnosis[.workers] = Finding(error)
        }
        do {
            let bulk = try await BulkStore(database).overview()
            diagnosis[.runs] = BulkChecks.runs(bulk)
            diagnosis[.rows] = BulkChecks.rows(bulk)
        } catch {
            diagnosis[.runs] = Finding(error)
        }
        do {
            diagnosis[.sync] = SyncChecks.freshness(try await SyncStore(database).overview())
        } catch {
            diagnosis[.sync] = Finding(error)
        }
        return living
    }
}
