import ArgumentParser
import FactPulse
import Foundation
import JobQueue
import Jobs
import Postgres

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings the database to the state that this version needs.",
        discussion: """
            EXAMPLES:
              factpulse-worker migrate
              factpulse-worker migrate --status
              factpulse-worker migrate --account-moved

            Safe to run at any time and by several programs at once: each change is
            applied once, in a transaction of its own, and never undone. Workers of the
            version before go on working meanwhile.
            """
    )

    @Flag(help: "Only say what is applied and what is missing.")
    var status = false
    @Flag(help: "The account has a new address, login or API key: the database is that one's now.")
    var accountMoved = false
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if status, accountMoved { throw ValidationError("--status changes nothing: leave it out.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = Database(try settings.postgres(), logger: settings.makeLogger())
        let migrator = Schema.migrator(database)
        if status {
            try printStatus(try await migrator.status(), applied: [])
        } else {
            let applied = try await migrator.apply()
            try await JobStore(database).declare(Catalogue.policies)
            if accountMoved { try await handOver(database, settings) }
            try printStatus(try await migrator.status(), applied: applied)
        }
        await database.close()
    }

    private func handOver(_ database: Database, _ settings: Settings) async throws {
        try await settings.withAPI(logger: settings.makeLogger()) { api in
            _ = try await api.account.listClients(page: 1, pageSize: 1)
        }
        guard try await BulkStore(database).livingWorkers() == 0 else {
            throw Failure(.tryLater, "workers run, for the account as it was: stop them all, then again")
        }
        guard let former = try await settings.account.takeOver(database) else {
            return Messages.write("The database works for no account yet: the first that uses it makes it its own.")
        }
        Messages.write("The database works for \(settings.account.name) now; before: \(former)")
    }

    private struct Report: Encodable {
        struct Entry: Encodable {
            let version: Int
            let name: String
            let appliedAt: Date?
        }

        let schemaVersion = 1
        let upToDate: Bool
        let applied: [Int]
        let migrations: [Entry]
    }

    private func printStatus(_ statuses: [MigrationStatus], applied: [Migration]) throws {
        let isUpToDate = statuses.allSatisfy { $0.appliedAt != nil }
        if output.json {
            let entries = statuses.map { Report.Entry(version: $0.version, name: $0.name, appliedAt: $0.appliedAt) }
            try Output.json(Report(upToDate: isUpToDate, applied: applied.map(\.version), migrations: entries))
            return
        }
        if !status {
            for migration in applied { try Output.print("applied \(migration.version) \(migration.name)") }
            try Output.print(applied.isEmpty ? "The database was up to date." : "The database is up to date.")
            if !applied.isEmpty { Messages.write("what else is needed: factpulse-worker doctor") }
            return
        }
        var table = TextTable([("version", .right), ("name", .left), ("applied", .left)])
        for status in statuses {
            let applied = status.appliedAt.map(\.spoken) ?? "not yet: run factpulse-worker migrate"
            table.add("\(status.version)", status.name, status.isShipped ? applied : "\(applied), by a newer version")
        }
        try Output.print(table.text)
    }
}
