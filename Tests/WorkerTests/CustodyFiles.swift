import Foundation
import KeyVault
import Logging
import Postgres
import TestSupport

/// The KEK and the escrow file of a ``WorkerFixture``.
struct CustodyFiles {
    let settings: [String: String]

    init(_ fixture: WorkerFixture) throws {
        let kek = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
        let path = try fixture.programs.write(kek + "\n", to: "kek")
        try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
        let escrow = fixture.programs.folder.appending(path: "escrow.jsonl").path(percentEncoded: false)
        settings = ["FACTPULSE_KEK_FILE": path, "FACTPULSE_ESCROW_FILE": escrow]
    }

    var escrow: String { settings["FACTPULSE_ESCROW_FILE"] ?? "" }

    func open(_ database: Database) async throws -> Vault {
        try await Vault.open(
            keys: .file(settings["FACTPULSE_KEK_FILE"] ?? ""),
            escrowFile: EscrowFile(path: escrow),
            database: database,
            logger: .quiet
        )
    }
}

extension WorkerFixture {
    /// Lines of a file that gives each client a PDP configuration of its own in double mode.
    static func pdpLines(_ uids: [String]) -> [String] {
        ["uid;flow_service_url;token_url;oauth_client_id;client_secret;encryption_mode"]
            + uids.map { "\($0);https://pdp.example/f;https://pdp.example/t;id;client-secret-\(UUID());double" }
    }

    /// How many of the clients have exactly one active key, which opens their secret on the server.
    func clientsWhoseKeyOpens(_ uids: [String], _ custody: CustodyFiles) async throws -> Int {
        let vault = try await custody.open(database)
        var count = 0
        for uid in uids {
            guard let client = UUID(uuidString: uid) else { continue }
            let keys = try await vault.secrets(.clientKey, of: client, in: database)
            guard keys.count == 1, keys[0].state == .active, let sealed = keys[0].sealed else { continue }
            let base64 = try await vault.open(sealed, as: keys[0].name).withBytes { Data($0).base64EncodedString() }
            if try await sandbox.opens(uid, key: base64) { count += 1 }
        }
        return count
    }

    /// How many of the clients sign with the secret that the vault has as the active one: the last that was made.
    func clientsWhoseWebhookSecretIsKept(_ uids: [String], _ custody: CustodyFiles) async throws -> Int {
        let vault = try await custody.open(database)
        var count = 0
        for uid in uids {
            guard let client = UUID(uuidString: uid) else { continue }
            let kept = try await vault.secrets(.webhookSecret, of: client, in: database).first { $0.state == .active }
            guard let kept, let sealed = kept.sealed else { continue }
            let secret = try await vault.open(sealed, as: kept.name).withBytes { String(decoding: $0, as: UTF8.self) }
            if try await sandbox.webhookSecret(uid) == secret { count += 1 }
        }
        return count
    }
}
