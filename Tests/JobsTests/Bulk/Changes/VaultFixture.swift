import FactPulse
import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport

@testable import Jobs

/// The files of a vault, in a folder of their own.
final class VaultFiles {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vault-\(UUID().uuidString)")

    /// A vault in the test's own database.
    func open() async throws -> Vault {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let kek = folder.appending(path: "kek").path
        let text = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
        try Data(text.utf8).write(to: URL(filePath: kek))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: kek)
        return try await Vault.open(
            keys: .file(kek),
            escrowFile: EscrowFile(path: folder.appending(path: "escrow.jsonl").path),
            database: TestDatabase.current.database,
            logger: .quiet
        )
    }

    deinit {
        // Left behind at worst, in a temporary folder.
        try? FileManager.default.removeItem(at: folder)
    }
}

extension BulkFixture {
    /// A ``BulkFixture`` with a vault.
    static func withVault(
        faults: [FaultRule] = [],
        options: SandboxOptions = SandboxOptions(),
        _ body: (BulkFixture, Vault) async throws -> Void
    ) async throws {
        let files = VaultFiles()
        let vault = try await files.open()
        try await with(faults: faults, options: options, vault: vault) { try await body($0, vault) }
        withExtendedLifetime(files) {}
    }

    /// What the server says of a client's PDP configuration.
    func pdp(_ uid: String) async throws -> PDPConfigResponse {
        var found: PDPConfigResponse?
        try await withClient { found = try await $0.client(try Self.uid(uid)).pdpConfig() }
        guard let found else { throw NotNew() }
        return found
    }

    /// Writes a PDP configuration past the program, as another one would.
    func configure(_ uid: String, _ request: PDPConfigUpdateRequest, key: EncryptionKey? = nil) async throws {
        try await withClient {
            _ = try await $0.client(try Self.uid(uid)).updatePDPConfig(request, encryptionKey: key)
        }
    }

    static func uid(_ text: String) throws -> ClientUID {
        guard let uid = ClientUID(text) else { throw NotNew() }
        return uid
    }

    /// Whether the client's live key is this version of the vault's.
    func opens(_ uid: String, _ vault: Vault, version: Int = 1) async throws -> Bool {
        guard let client = UUID(uuidString: uid) else { throw NotNew() }
        let kept = try await vault.secrets(.clientKey, of: client, in: database)
        guard let key = kept.first(where: { $0.name.version == version }), let sealed = key.sealed else { return false }
        let base64 = try await vault.open(sealed, as: key.name).withBytes { Data($0).base64EncodedString() }
        return await server.world.opens(client, key: base64)
    }

    /// The states of a client's keys, by version.
    func keyStates(_ uid: String) async throws -> [String] {
        try await database.query(
            "SELECT state FROM factpulse.secrets WHERE purpose = 'client-key' AND client_uid = \(uid)::uuid ORDER BY version"
        ).map { try $0.decode(at: 0) }
    }
}
