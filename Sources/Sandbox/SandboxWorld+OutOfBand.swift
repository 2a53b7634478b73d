import Foundation

/// What happens to clients behind the API's back: in the dashboard, by another program, by a restored backup. None of
/// it is an effect in the ledger.
extension SandboxWorld {
    /// Gives the client one more Chorus Pro secret in double mode, which no operation of the API can.
    /// - Returns: `false` when there is no such client or the key is not 32 bytes in base64.
    package func addChorusSecret(_ secret: String, key: String, of uid: UUID) throws -> Bool {
        guard var client = records[uid], let sealing = CustomerKey(base64: key) else { return false }
        remember(secret, key)
        client.chorus.append(try StoredSecret(Data(secret.utf8), key: sealing, server: serverKey))
        store(client)
        return true
    }

    /// Gives clients a PDP configuration.
    /// - Parameter key: In base64, for double mode; `nil` for fernet mode.
    /// - Throws: ``SandboxError/badConfiguration(_:)``; no client has then changed.
    package func configurePDP(_ uids: [UUID], key: String? = nil) throws {
        let sealing = try key.map(Self.usableKey)
        remember(key)
        for uid in uids {
            guard var client = records[uid] else { continue }
            client.pdp = try newConfig(key: sealing)
            store(client)
        }
    }

    func newConfig(key: CustomerKey?) throws -> ClientRecord.PDPConfig {
        lastConfigID += 1
        let now = tick()
        return ClientRecord.PDPConfig(
            id: lastConfigID,
            isActive: true,
            modeSandbox: false,
            flowServiceURL: "https://pdp.example/flow",
            tokenURL: "https://pdp.example/token",
            oauthClientID: "oauth-\(lastConfigID)",
            secret: try StoredSecret(Data("seeded-secret-\(lastConfigID)".utf8), key: key, server: serverKey),
            createdAt: now,
            updatedAt: now
        )
    }

    static func usableKey(_ text: String) throws -> CustomerKey {
        guard let key = CustomerKey(base64: text) else {
            throw SandboxError.badConfiguration("a key is base64 of 32 bytes")
        }
        return key
    }

    /// Somebody else rotates: every secret that `old` opens changes to `new`.
    /// - Returns: How many did; `nil` when there is no such client.
    /// - Throws: ``SandboxError/badConfiguration(_:)`` when a key is not 32 bytes in base64.
    package func rekey(_ uid: UUID, from old: String, to new: String) throws -> Int? {
        let (from, to) = (try Self.usableKey(old), try Self.usableKey(new))
        guard var client = records[uid] else { return nil }
        remember(old, new)
        var rotation = Rotation(from: from, to: to, server: serverKey)
        try rotation.turn(client.secrets, sparingLast: false)
        client.formerSecrets.append(client.secrets)
        client.secrets = rotation.secrets
        store(client)
        return rotation.turned.count
    }

    /// The server is restored from a backup: the secrets are as they were before their latest changes.
    /// - Returns: `false` when there is no such client or it has not seen so many changes.
    package func restoreSecrets(of uid: UUID, steps: Int = 1) -> Bool {
        guard var client = records[uid], steps >= 1, steps <= client.formerSecrets.count else { return false }
        client.secrets = client.formerSecrets[client.formerSecrets.count - steps]
        client.formerSecrets.removeLast(steps)
        store(client)
        return true
    }
}
