import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The test's own database, a sandbox, and workers and commands that know both, all as real processes.
/// For tests with the trait `.database`.
struct WorkerFixture: Sendable {
    let programs: Programs
    let sandbox: SandboxProcess
    let database: Database
    /// What ``worker(_:settings:)`` and ``command(_:settings:within:)`` find in their environment.
    let settings: [String: String]

    /// - Parameter settings: Added to what a worker needs; an empty value counts as not set.
    static func with(
        faults: [FaultRule] = [],
        options: SandboxOptions = SandboxOptions(),
        settings: [String: String] = [:],
        _ body: (WorkerFixture) async throws -> Void
    ) async throws {
        try await Programs.with { programs in
            let faults = Faults(options: options, faults: faults)
            let test = TestDatabase.current
            try await body(WorkerFixture(faults, settings, url: test.url, test.database, programs))
        }
    }

    /// The same on a server of the test's own. Needs no trait.
    static func withPrivatePostgres(
        faults: [FaultRule] = [],
        settings: [String: String] = [:],
        _ body: (WorkerFixture, PrivatePostgres) async throws -> Void
    ) async throws {
        try await Programs.with { programs in
            let server = try await PrivatePostgres.start(in: programs)
            let database = Database(try PostgresConfiguration(url: server.url), logger: .quiet)
            let outcome: Result<Void, any Error>
            do {
                let fixture = try await WorkerFixture(
                    Faults(faults: faults),
                    settings,
                    url: server.url,
                    database,
                    programs
                )
                outcome = .success(try await body(fixture, server))
            } catch {
                outcome = .failure(error)
            }
            await database.close()
            try outcome.get()
        }
    }

    private init(
        _ faults: Faults,
        _ settings: [String: String],
        url: String,
        _ database: Database,
        _ programs: Programs
    ) async throws {
        let sandbox = try await SandboxProcess.start(faults, in: programs)
        self.sandbox = sandbox
        self.programs = programs
        self.database = database
        let standard = [
            "DATABASE_URL": url,
            "FACTPULSE_API_URL": sandbox.url,
            "FACTPULSE_EMAIL": SandboxConfiguration().email,
            "FACTPULSE_PASSWORD": SandboxConfiguration().password,
            "FACTPULSE_RATE_LIMIT": "200",
            // What comes every quarter of an hour would come into some test or other.
            "FACTPULSE_SCHEDULES": "none",
            // Short, so that an answer that was lost is settled while the test waits.
            "FACTPULSE_REQUEST_TIMEOUT": "2",
            "FACTPULSE_SETTLE_GRACE": "2",
        ]
        self.settings = standard.merging(settings) { $1 }
        // Also makes the kinds of job known.
        #expect(try await command("migrate").exit == .code(0))
    }

    /// Starts a worker.
    func worker(_ arguments: String..., settings: [String: String] = [:]) throws -> RunningProgram {
        try worker(arguments, settings)
    }

    private func worker(_ arguments: [String], _ settings: [String: String]) throws -> RunningProgram {
        try programs.start("factpulse-worker", ["run"] + arguments, environment: self.settings.merging(settings) { $1 })
    }

    /// Starts a worker, and returns when it is among the living.
    func livingWorker(_ arguments: String..., settings: [String: String] = [:]) async throws -> RunningProgram {
        let program = try worker(arguments, settings)
        try await program.waitForLine("Worker started")
        return program
    }

    /// Runs `factpulse-worker` with these arguments to its end.
    func command(
        _ arguments: String...,
        settings: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> RunningProgram.Ended {
        try await command(arguments, settings: settings, within: limit)
    }

    func command(
        _ arguments: [String],
        settings: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> RunningProgram.Ended {
        try await programs.run(
            "factpulse-worker",
            arguments,
            environment: self.settings.merging(settings) { $1 },
            within: limit
        )
    }

    /// Imports a file of so many clients with SIRETs of their own. The run waits for workers.
    /// - Returns: the run's number.
    func importClients(_ count: Int) async throws -> Int64 {
        let ended = try await command("bulk", "create-clients", try writeClients(count))
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        return try await number("SELECT max(id) FROM factpulse.bulk_runs").map(Int64.init) ?? 0
    }

    /// Starts a bulk run of a file with these lines. It waits for workers.
    /// - Returns: the run's number.
    func bulk(_ operation: String, _ lines: [String], settings: [String: String] = [:]) async throws -> Int64 {
        let file = try programs.write(lines.joined(separator: "\r\n"), to: "\(operation).csv")
        let ended = try await command("bulk", operation, file, settings: settings)
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        return try await number("SELECT max(id) FROM factpulse.bulk_runs").map(Int64.init) ?? 0
    }

    /// - Returns: the path of the file that ``importClients(_:)`` imports.
    func writeClients(_ count: Int) throws -> String {
        let lines = (1...count).map { "Société \($0);\(SandboxWorld.siret($0))" }
        return try programs.write((["nom;siret"] + lines).joined(separator: "\r\n"), to: "clients-\(count).csv")
    }

    /// The number that a query of one row and one column gives.
    func number(_ sql: SQL) async throws -> Int? {
        try await database.query(sql)[0].decode(at: 0, as: Int?.self)
    }

    /// Waits until the database says yes.
    func until(_ condition: SQL, within limit: Duration = .seconds(60)) async throws {
        try await eventually("\(condition)", within: limit) {
            try await database.query("SELECT coalesce((\(condition)), false)")[0].decode(at: 0, as: Bool.self)
                ? () : nil
        }
    }
}
