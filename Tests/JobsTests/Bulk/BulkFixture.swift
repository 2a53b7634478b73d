import FactPulse
import Foundation
import JobQueue
import KeyVault
import Logging
import Postgres
import Sandbox
import TestSupport

@testable import Jobs

/// A database, a sandbox, and what a bulk run needs of both.
struct BulkFixture {
    static let settle = SettleTimes(requestTimeout: .seconds(1), grace: .seconds(1))

    let server: SandboxServer
    let database: Database
    let store: BulkStore
    /// Whose runs are made here, and whose jobs are run.
    var account = Account(name: "sandbox/demo")
    /// What is said at the login.
    var password = "demo-password"
    /// `nil`: nothing here needs one.
    var vault: Vault?
    private let gate: any RequestGate
    private let logger: Logger

    static func with(
        faults: [FaultRule] = [],
        options: SandboxOptions = SandboxOptions(),
        gate: any RequestGate = OpenGate(),
        vault: Vault? = nil,
        _ body: (BulkFixture) async throws -> Void
    ) async throws {
        try await SandboxServer.withServer(SandboxConfiguration(options: options, faults: faults)) { server in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let database = TestDatabase.current.database
            let fixture = BulkFixture(
                server: server,
                database: database,
                store: BulkStore(database),
                vault: vault,
                gate: gate,
                logger: logger
            )
            try await JobStore(database).declare(Catalogue.policies)
            try await body(fixture)
        }
    }

    /// Stages a file of these lines, the header `nom;siret` first.
    @discardableResult
    func stage(
        _ lines: [String],
        header: String = "nom;siret",
        of operation: BulkOperation = .createClients,
        options: FileOptions = FileOptions(),
        forceNew: Bool = false
    ) async throws -> BulkStore.Staged {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("bulk-\(UUID().uuidString).csv").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ([header] + lines).joined(separator: "\r\n").write(toFile: path, atomically: true, encoding: .utf8)
        let file = try await BulkFile.open(path: path, operation: operation, options: options)
        let identity = BulkStore.identity(
            operation: operation,
            digest: try await file.digest(path: path),
            file: file.file
        )
        return try await store.stage(
            file,
            account: account,
            operation: operation,
            fileName: "test.csv",
            identity: identity,
            forceNew: forceNew,
            vault: vault
        ) { _ in }
    }

    /// Stages, and returns the new run.
    func run(
        _ lines: [String],
        header: String = "nom;siret",
        of operation: BulkOperation = .createClients,
        options: FileOptions = FileOptions()
    ) async throws -> Int64 {
        guard case .new(let run) = try await stage(lines, header: header, of: operation, options: options) else {
            throw NotNew()
        }
        return run
    }

    struct NotNew: Error {}

    /// Works until nothing is ready, running or due within `horizon`.
    func drain(dueWithin horizon: Duration = .seconds(60)) async throws {
        try await withClient { api in
            let heartbeats = Database(try PostgresConfiguration(url: TestDatabase.current.url), logger: logger)
            var configuration = WorkerConfiguration()
            configuration.drain = true
            configuration.drainHorizon = horizon
            configuration.pollInterval = .milliseconds(50)
            let worker = Worker(
                store: JobStore(database),
                heartbeats: heartbeats,
                listener: nil,
                catalogue: Catalogue.make(api: api, account: account, times: Self.settle, vault: vault),
                configuration: configuration,
                logger: logger
            )
            try await worker.run()
            await heartbeats.close()
        }
    }

    func withClient(_ body: (FactPulseClient) async throws -> Void) async throws {
        var configuration = try FactPulseConfiguration(
            baseURL: server.url,
            credentials: .password(email: "demo@factpulse.test", Secret(password))
        )
        configuration.requestTimeout = Self.settle.requestTimeout
        let api = FactPulseClient(configuration, gate: gate, logger: logger)
        do {
            try await body(api)
        } catch {
            try await api.shutdown()
            throw error
        }
        try await api.shutdown()
    }

    func counts(_ run: Int64) async throws -> BulkCounts {
        try await store.counts(of: run)
    }

    func rows(_ run: Int64) async throws -> [BulkRow] {
        try await store.rows(of: run, state: nil, after: 0, limit: 10_000)
    }

    func creates() async throws -> Int {
        await server.world.report().byOperation[SandboxOperation.createClient.rawValue]?.count ?? 0
    }

    /// Lines of valid rows with different SIRETs.
    static func lines(_ count: Int, from first: Int = 1) -> [String] {
        (first..<first + count).map { "Société \($0);\(SandboxWorld.siret($0))" }
    }
}
