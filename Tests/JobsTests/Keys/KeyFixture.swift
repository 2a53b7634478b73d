import FactPulse
import Foundation
import JobQueue
import KeyVault
import Logging
import Postgres
import Sandbox
import TestSupport

@testable import Jobs

/// A database with a vault, a sandbox, and clients whose secrets are under keys of the vault.
final class KeyFixture: Sendable {
    static let settle = SettleTimes(requestTimeout: .seconds(1), grace: .seconds(1))

    let server: SandboxServer
    let database: Database
    let vault: Vault
    let folder: URL

    private init(_ server: SandboxServer, _ vault: Vault, _ folder: URL) {
        self.server = server
        self.vault = vault
        self.folder = folder
        database = TestDatabase.current.database
    }

    static func with(
        faults: [FaultRule] = [],
        options: SandboxOptions = SandboxOptions(),
        _ body: (KeyFixture) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // Left behind at worst, in a temporary folder.
        defer { try? FileManager.default.removeItem(at: folder) }
        let kek = folder.appending(path: "kek")
        let text = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
        try Data(text.utf8).write(to: kek)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: kek.path)
        let vault = try await Vault.open(
            keys: .file(kek.path),
            escrowFile: EscrowFile(path: folder.appending(path: "escrow.jsonl").path),
            database: TestDatabase.current.database,
            logger: .quiet
        )
        try await SandboxServer.withServer(SandboxConfiguration(options: options, faults: faults)) { server in
            let fixture = KeyFixture(server, vault, folder)
            try await JobStore(fixture.database).declare(Catalogue.policies)
            try await body(fixture)
        }
    }

    /// A client in double mode whose key is version 1 of the vault, and active.
    func makeClient(_ number: Int = 1) async throws -> UUID {
        try await withClient { api in
            let request = ClientCreateRequest(
                name: "Société \(number)",
                description: nil,
                siret: SandboxWorld.siret(number)
            )
            let uid = try await api.account.createClient(request).uid
            let client = try Self.uuid(uid)
            let key = SecretBytes.randomKey()
            try await self.store(key, version: 1, of: client)
            let isActive = try await self.database.transaction {
                try await self.vault.activate(SecretName(.clientKey, of: client, version: 1), in: $0)
            }
            guard isActive else { throw Unexpected() }
            try await self.configure(client, mode: .double, key: key)
            return client
        }
    }

    func store(_ key: SecretBytes, version: Int, of client: UUID) async throws {
        let sealed = try vault.seal(key, as: SecretName(.clientKey, of: client, version: version))
        try await database.execute(vault.insert(sealed))
        try await vault.escrow([sealed])
        try await database.execute(vault.markEscrowed(sealed.name))
    }

    func configure(_ client: UUID, mode: EncryptionMode, key: SecretBytes?) async throws {
        try await withClient { api in
            let request = PDPConfigUpdateRequest(
                flowServiceUrl: "https://pdp.example/flow",
                tokenUrl: "https://pdp.example/token",
                oauthClientId: "id",
                clientSecret: Secret("pdp-secret"),
                encryptionMode: mode
            )
            let uid = try Self.uid(client)
            _ = try await api.client(uid).updatePDPConfig(
                request,
                encryptionKey: key?.withBytes { EncryptionKey(bytes: $0) }
            )
        }
    }

    func rotate(_ clients: [UUID], resume: Bool = false) async throws {
        for client in clients { _ = try await RotateKey.enqueue(client, resume: resume, in: database) }
        try await drain()
    }

    /// Works until nothing is ready, running or due within a minute.
    func drain() async throws {
        try await withClient { api in
            let heartbeats = Database(try PostgresConfiguration(url: TestDatabase.current.url), logger: .quiet)
            var configuration = WorkerConfiguration()
            configuration.drain = true
            configuration.drainHorizon = .seconds(60)
            configuration.pollInterval = .milliseconds(50)
            let worker = Worker(
                store: JobStore(self.database),
                heartbeats: heartbeats,
                listener: nil,
                catalogue: Catalogue.make(
                    api: api,
                    account: Account(name: "sandbox/demo"),
                    times: Self.settle,
                    vault: self.vault
                ),
                configuration: configuration,
                logger: .quiet
            )
            try await worker.run()
            await heartbeats.close()
        }
    }

    func withClient<Value>(_ body: (FactPulseClient) async throws -> Value) async throws -> Value {
        var configuration = try FactPulseConfiguration(
            baseURL: server.url,
            credentials: .password(email: "demo@factpulse.test", Secret("demo-password"))
        )
        configuration.requestTimeout = Self.settle.requestTimeout
        let api = FactPulseClient(configuration, gate: OpenGate(), logger: .quiet)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(api))
        } catch {
            outcome = .failure(error)
        }
        try await api.shutdown()
        return try outcome.get()
    }

    func keys(of client: UUID) async throws -> [StoredSecret] {
        try await vault.secrets(.clientKey, of: client, in: database).reversed()
    }

    func states(of client: UUID) async throws -> [String] {
        try await keys(of: client).map(\.state.rawValue)
    }

    /// The versions whose key opens the client's secret at the server.
    func live(of client: UUID) async throws -> [Int] {
        var live: [Int] = []
        for stored in try await keys(of: client) {
            guard let sealed = stored.sealed else { continue }
            let key = try await vault.open(sealed, as: stored.name).withBytes { Data($0).base64EncodedString() }
            if await server.world.opens(client, key: key) { live.append(stored.name.version) }
        }
        return live
    }

    /// The version that the table believes in is the one that opens the secret.
    func isRight(_ client: UUID) async throws -> Bool {
        let active = try await keys(of: client).filter { $0.state == .active }.map(\.name.version)
        let live = try await live(of: client)
        return active.count == 1 && active == live
    }

    func attempts(of client: UUID) async throws -> [String] {
        try await database.query(
            "SELECT state FROM factpulse.rotation_attempts WHERE client_uid = \(client) ORDER BY id"
        ).map { try $0.decode(at: 0) }
    }

    func jobs() async throws -> [(state: String, result: String?, error: String?)] {
        try await database.query("SELECT state, result::text, error FROM queue.jobs ORDER BY id").map {
            try $0.decode((String.self, String?.self, String?.self))
        }
    }

    func calls() async throws -> Int {
        await server.world.report().byOperation[SandboxOperation.rotateEncryptionKey.rawValue]?.count ?? 0
    }

    struct Unexpected: Error {}

    static func uid(_ client: UUID) throws -> ClientUID {
        guard let uid = ClientUID(client.uuidString) else { throw Unexpected() }
        return uid
    }

    static func uuid(_ uid: ClientUID) throws -> UUID {
        guard let uuid = UUID(uuidString: uid.text) else { throw Unexpected() }
        return uuid
    }
}
