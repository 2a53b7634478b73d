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
            let sandbox = try await SandboxProcess.start(Faults(options: options, faults: faults), in: programs)
            let standard = [
                "DATABASE_URL": TestDatabase.current.url,
                "FACTPULSE_API_URL": sandbox.url,
                "FACTPULSE_EMAIL": SandboxConfiguration().email,
                "FACTPULSE_PASSWORD": SandboxConfiguration().password,
                "FACTPULSE_RATE_LIMIT": "200",
                // Short, so that an answer that was lost is settled while the test waits.
                "FACTPULSE_REQUEST_TIMEOUT": "2",
                "FACTPULSE_SETTLE_GRACE": "2",
            ]
            let fixture = WorkerFixture(
                programs: programs,
                sandbox: sandbox,
                database: TestDatabase.current.database,
                settings: standard.merging(settings) { $1 }
            )
            // Also makes the kinds of job known.
            #expect(try await fixture.command("migrate").exit == .code(0))
            try await body(fixture)
        }
    }

    /// Starts a worker.
    func worker(_ arguments: String..., settings: [String: String] = [:]) throws -> RunningProgram {
        try programs.start("factpulse-worker", ["run"] + arguments, environment: self.settings.merging(settings) { $1 })
    }

    /// Starts a worker, and returns when it is among the living.
    func livingWorker(_ arguments: String..., settings: [String: String] = [:]) async throws -> RunningProgram {
        let program = try programs.start(
            "factpulse-worker",
            ["run"] + arguments,
            environment: self.settings.merging(settings) { $1 }
        )
        try await program.waitForLine("Worker started")
        return program
    }

    /// Runs `factpulse-worker` with these arguments to its end.
    func command(
        _ arguments: String...,
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
        let lines = (1...count).map { "Société \($0);\(SandboxWorld.siret($0))" }
        let file = try programs.write((["nom;siret"] + lines).joined(separator: "\r\n"), to: "clients-\(count).csv")
        let ended = try await command("bulk", "create-clients", file)
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        return try await number("SELECT max(id) FROM factpulse.bulk_runs").map(Int64.init) ?? 0
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
