import Foundation
import Logging
import Postgres
import TestSupport

@testable import KeyVault

/// A vault in the test's own database, with its KEK and escrow files in a folder of their own.
final class VaultFixture: Sendable {
    let folder: URL
    let database: Database
    let escrowFile: EscrowFile
    let client = UUID()

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "vault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        database = TestDatabase.current.database
        escrowFile = EscrowFile(path: folder.appending(path: "escrow.jsonl").path)
    }

    deinit {
        // Left behind at worst, in a temporary folder.
        try? FileManager.default.removeItem(at: folder)
    }

    var kekPath: String { folder.appending(path: "kek").path }

    /// Writes the KEK file: the first key is the current one.
    func writeKEKs(_ keys: [SecretBytes]) throws {
        let lines = keys.map { key in key.withBytes { Data($0).base64EncodedString() } }
        try write(lines.joined(separator: "\n") + "\n", to: "kek")
    }

    func write(_ text: String, to name: String, mode: Int = 0o600) throws {
        let path = folder.appending(path: name).path
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    func open() async throws -> Vault {
        if !FileManager.default.fileExists(atPath: kekPath) { try writeKEKs([.randomKey()]) }
        return try await Vault.open(
            keys: .file(kekPath),
            escrowFile: escrowFile,
            database: database,
            logger: .quiet
        )
    }

    /// A key that has taken all four steps.
    @discardableResult
    func addKey(_ version: Int, of client: UUID? = nil, _ purpose: Purpose = .clientKey, to vault: Vault) async throws
        -> SecretBytes
    {
        let key = SecretBytes.randomKey()
        let sealed = try vault.seal(key, as: SecretName(purpose, of: client ?? self.client, version: version))
        try await database.execute(vault.insert(sealed))
        try await vault.escrow([sealed])
        try await database.execute(vault.markEscrowed(sealed.name))
        return key
    }

    func name(_ version: Int, of client: UUID? = nil) -> SecretName {
        SecretName(.clientKey, of: client ?? self.client, version: version)
    }

    func setState(_ state: String, of version: Int) async throws {
        try await database.execute(
            "UPDATE factpulse.secrets SET state = \(state) WHERE client_uid = \(client) AND version = \(version)"
        )
    }

    func states(of client: UUID? = nil) async throws -> [String] {
        try await database.query(
            "SELECT state FROM factpulse.secrets WHERE client_uid = \(client ?? self.client) ORDER BY purpose, version"
        ).map { try $0.decode(at: 0) }
    }

    func escrowLines() async throws -> [EscrowReader.Entry] {
        try await lines(of: escrowFile.path)
    }
}

func lines(of path: String) async throws -> [EscrowReader.Entry] {
    let reader = try await EscrowReader.open(path)
    var all: [EscrowReader.Entry] = []
    while case let entries = try await reader.next(), !entries.isEmpty { all += entries }
    return all
}

extension SecretBytes {
    var array: [UInt8] { withBytes { Array($0) } }
}
