import Crypto
import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

/// Clients in double mode whose keys are in the vault of a ``WorkerFixture``.
struct KeyClients {
    let fixture: WorkerFixture
    let custody: CustodyFiles
    let uids: [String]

    /// Makes them at the sandbox, and takes their key in with `keys import`.
    static func make(_ count: Int, _ fixture: WorkerFixture) async throws -> KeyClients {
        let custody = try CustodyFiles(fixture)
        let key = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
        let uids = try await fixture.sandbox.seedClients(count, pdpEvery: 1, key: key)
        let file = try fixture.programs.write(uids.map { "\($0);\(key)" }.joined(separator: "\n"), to: "first-keys.csv")
        let imported = try await fixture.command("keys", "import", file, settings: custody.settings)
        #expect(imported.exit == .code(0), "\(imported.stderr)")
        return KeyClients(fixture: fixture, custody: custody, uids: uids)
    }

    /// Asks for the rotation of every client; one that is asked for already stays one.
    func rotateAll() async throws {
        try await fixture.database.execute(
            "SELECT queue.enqueue('rotate-key', jsonb_build_object('client', u), unique_key => u) FROM unnest(\(uids)::text[]) u"
        )
    }

    func untilIdle(within limit: Duration = .seconds(240)) async throws {
        try await fixture.until("SELECT NOT EXISTS (SELECT FROM queue.jobs WHERE state = 'pending')", within: limit)
    }

    /// Every key that opens from the vault, in base64.
    func keys() async throws -> [(name: SecretName, createdAt: Date, base64: String)] {
        let vault = try await custody.open(fixture.database)
        var keys: [(SecretName, Date, String)] = []
        for uid in uids {
            guard let client = UUID(uuidString: uid) else { continue }
            for stored in try await vault.secrets(.clientKey, of: client, in: fixture.database) {
                guard let sealed = stored.sealed else { continue }
                let base64 = try await vault.open(sealed, as: stored.name).withBytes {
                    Data($0).base64EncodedString()
                }
                keys.append((stored.name, stored.createdAt, base64))
            }
        }
        return keys
    }

    /// How many of the clients have one active key, and it opens their secret on the server.
    func right() async throws -> Int {
        let rows = try await fixture.database.query(
            "SELECT client_uid, version FROM factpulse.secrets WHERE purpose = 'client-key' AND state = 'active'"
        ).map { try $0.decode((UUID.self, Int.self)) }
        let active = Dictionary(uniqueKeysWithValues: rows)
        var count = 0
        for key in try await keys() where active[key.name.client] == key.name.version {
            if try await fixture.sandbox.opens(key.name.client.uuidString.lowercased(), key: key.base64) { count += 1 }
        }
        return count
    }

    /// Holds every change that the sandbox made to a key against what the vault can open now, and had by then.
    func strays() async throws -> (effects: Int, unknown: Int, early: Int) {
        var stored: [String: Date] = [:]
        for key in try await keys() {
            let digest = SHA256.hash(data: Data(base64Encoded: key.base64) ?? Data()).prefix(8)
            let print = digest.map { String(format: "%02x", $0) }.joined()
            stored["\(key.name.client.uuidString.lowercased()) \(print)"] = key.createdAt
        }
        let changes: Set<SandboxOperation> = [.updatePDPConfig, .rotateEncryptionKey]
        let effects = try await fixture.sandbox.ledger().effects.filter { changes.contains($0.operation) }
        var (unknown, early) = (0, 0)
        for effect in effects {
            let at = try Date(effect.at, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            if let since = stored["\(effect.uid) \(effect.keyFingerprint ?? "")"] {
                early += since < at ? 0 : 1
            } else {
                unknown += 1
            }
        }
        return (effects.count, unknown, early)
    }
}
