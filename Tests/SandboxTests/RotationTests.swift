import Foundation
import NIOHTTP1
import Sandbox
import Testing

/// What the contract leaves open about rotation, and what happens to keys behind the API's back.
@Suite struct RotationTests {
    /// A client with a PDP secret under key 1, and Chorus Pro secrets under the keys given.
    private func newClient(_ api: Conversation, chorus: [UInt8] = []) async throws -> (
        uid: UUID, path: String, token: String
    ) {
        let client = try await api.newClient()
        let put = try await api.send(
            .PUT,
            client.path + "/pdp-config",
            pdpConfig(["encryptionMode": "double"]),
            token: client.token,
            headers: ["X-Encryption-Key": key(1)]
        )
        #expect(put.status == 200)
        for byte in chorus {
            let body: JSONValue = ["secret": "chorus", "key": .string(key(byte))]
            #expect(try await api.send(.POST, "/__sandbox/clients/\(client.uid)/chorus", body).status == 200)
        }
        return (try #require(UUID(uuidString: client.uid)), client.path, client.token)
    }

    private func rotate(
        _ api: Conversation,
        _ client: (uid: UUID, path: String, token: String),
        _ old: UInt8,
        _ new: UInt8
    ) async throws -> Conversation.Reply {
        let body: JSONValue = ["oldKey": .string(key(old)), "newKey": .string(key(new))]
        return try await api.send(.POST, client.path + "/rotate-encryption-key", body, token: client.token)
    }

    private func opens(_ api: Conversation, _ uid: UUID, _ byte: UInt8) async -> [Bool] {
        let opening = await api.world.opening(uid, key: key(byte))
        return [opening?.pdp ?? false] + (opening?.chorus ?? [])
    }

    @Test(arguments: SandboxOptions.WrongOldKey.allCases, [ErrorShape.A, .B, .C, .E])
    func `a wrong old key is refused in the form it is told, and nothing changes`(
        _ choice: SandboxOptions.WrongOldKey,
        _ shape: ErrorShape
    ) async throws {
        try await withSandbox(options: {
            ($0.wrongOldKey, $0.wrongOldKeyShape, $0.wrongOldKeyText) = (choice, shape, "Clé invalide ou expirée")
        }) { api async throws in
            let client = try await newClient(api, chorus: [1])
            let reply = try await rotate(api, client, 3, 2)
            #expect(reply.status == choice.rawValue)
            #expect(reply.text.contains("Clé invalide ou expirée"))
            if choice == .unsuccessful { #expect(reply["success"] == false && reply["rotatedCount"] == 0) }
            if choice != .unsuccessful, shape == .A { #expect(reply["detail"] == "Clé invalide ou expirée") }
            #expect(await opens(api, client.uid, 1) == [true, true])
            #expect(await api.world.report().effects.count == 1, "the PUT only")
        }
    }

    @Test(arguments: [true, false]) func `an unsuccessful 200 names errors, or does not`(_ names: Bool) async throws {
        try await withSandbox(options: { ($0.wrongOldKey, $0.wrongOldKeyNamesErrors) = (.unsuccessful, names) }) {
            api async throws in
            let reply = try await rotate(api, newClient(api), 3, 2)
            #expect(reply["success"] == false)
            #expect((reply["partialErrors"] == .null) != names)
        }
    }

    @Test(arguments: [true, false]) func `a split rotation moves what the old key opens, and says what it did not`(
        _ success: Bool
    ) async throws {
        try await withSandbox(options: { ($0.partialRotation, $0.partialSuccess) = (.splits, success) }) {
            api async throws in
            let client = try await newClient(api, chorus: [1, 9])
            let reply = try await rotate(api, client, 1, 2)
            #expect(reply.status == 200 && reply["success"]?.flag == success && reply["rotatedCount"] == 2)
            #expect(reply["partialErrors"]?.items?.count == 1)
            #expect(await opens(api, client.uid, 2) == [true, true, false])
            #expect(await opens(api, client.uid, 9) == [false, false, true])
            let again = try await rotate(api, client, 1, 2)
            #expect(again.status == 400, "the old key opens nothing now")
        }
    }

    @Test func `a fault splits one rotation, which the next with a key for the rest completes`() async throws {
        let rule = FaultRule(.splitRotation, on: "rotateEncryptionKey") { $0.to = 1 }
        var configuration = SandboxConfiguration(faults: [rule])
        configuration.options.partialRotation = .splits
        try await withSandbox(configuration) { api async throws in
            let client = try await newClient(api, chorus: [1])
            let first = try await rotate(api, client, 1, 2)
            #expect(first["success"] == false && first["rotatedCount"] == 1)
            #expect(first["partialErrors"]?.items?.count == 1)
            #expect(await opens(api, client.uid, 2) == [true, false])
            let second = try await rotate(api, client, 1, 2)
            #expect(second["rotatedCount"] == 1 && second["partialErrors"]?.items?.count == 1)
            #expect(await opens(api, client.uid, 2) == [true, true])
            #expect(try await rotate(api, client, 2, 3)["success"] == true)
        }
    }

    @Test func `a fault can leave the only secret where it is`() async throws {
        try await withSandbox(faults: FaultRule(.splitRotation, on: "rotateEncryptionKey")) { api async throws in
            let client = try await newClient(api)
            let reply = try await rotate(api, client, 1, 2)
            #expect(reply.status == 200 && reply["success"] == false && reply["rotatedCount"] == 0)
            #expect(await opens(api, client.uid, 1) == [true])
        }
    }

    @Test(arguments: [(SandboxOptions.ChorusCount.each, 3), (.together, 2)])
    func `Chorus secrets count one by one, or as one`(
        _ choice: SandboxOptions.ChorusCount,
        _ count: Int
    ) async throws {
        try await withSandbox(options: { $0.chorusCount = choice }) { api async throws in
            let reply = try await rotate(api, newClient(api, chorus: [1, 1]), 1, 2)
            #expect(reply["success"] == true && reply["rotatedCount"]?.whole == count)
        }
    }

    static let sameKeys = [(SandboxOptions.SameKey.accepted, 200), (.badRequest, 400), (.unprocessable, 422)]

    @Test(arguments: sameKeys) func `a rotation from a key to itself`(
        _ choice: SandboxOptions.SameKey,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.sameKey = choice }) { api async throws in
            let client = try await newClient(api)
            #expect(try await rotate(api, client, 1, 1).status == status)
            #expect(await opens(api, client.uid, 1) == [true])
            #expect(try await rotate(api, client, 3, 3).status == (choice == .accepted ? 400 : status))
        }
    }

    @Test(arguments: [ErrorShape.A, .C, .H]) func `a 404 has two meanings, told apart by the text alone`(
        _ shape: ErrorShape
    ) async throws {
        try await withSandbox(options: {
            ($0.notFoundShape, $0.clientNotFoundText, $0.noDoubleSecretText) = (shape, "Client introuvable", "Rien")
        }) { api async throws in
            let client = try await api.newClient()
            let body: JSONValue = ["oldKey": .string(key(1)), "newKey": .string(key(2))]
            let path = client.path + "/rotate-encryption-key"
            let none = try await api.send(.POST, path, body, token: client.token)
            #expect(none.status == 404 && none.text.contains("Rien"))
            _ = await api.world.removeClient(try #require(UUID(uuidString: client.uid)))
            let gone = try await api.send(.POST, path, body, token: client.token)
            #expect(gone.status == 404 && gone.text.contains("Client introuvable"))
        }
    }

    @Test func `somebody else can rotate, and a backup can bring an old key back`() async throws {
        try await withSandbox { api async throws in
            let client = try await newClient(api, chorus: [1])
            let admin = "/__sandbox/clients/\(client.uid)"
            #expect(try await rotate(api, client, 1, 2).status == 200)
            let rekey: JSONValue = ["from": .string(key(2)), "to": .string(key(3))]
            #expect(try await api.send(.POST, admin + "/rekey", rekey)["rekeyed"] == 2)
            #expect(await opens(api, client.uid, 3) == [true, true])
            #expect(try await rotate(api, client, 2, 4).status == 400)
            #expect(try await api.send(.POST, admin + "/restore", ["steps": 2]).status == 200)
            #expect(await opens(api, client.uid, 1) == [true, true])
            #expect(try await rotate(api, client, 1, 5).status == 200, "a restored key is the live one")
            #expect(try await api.send(.POST, admin + "/restore", ["steps": 99]).status == 404)
            let operations = await api.world.report().effects.map(\.operation)
            #expect(operations == [.updatePDPConfig, .rotateEncryptionKey, .rotateEncryptionKey], "the API's own only")
        }
    }

    @Test func `the ledger names every key of a client at every effect`() async throws {
        try await withSandbox { api async throws in
            let client = try await newClient(api, chorus: [1, 1])
            _ = try await rotate(api, client, 1, 2)
            let effect = try #require(await api.world.report().effects.last)
            let print = try #require(effect.keyFingerprint)
            #expect(effect.chorusKeyFingerprints == [print, print])
            let listed = try #require(await api.world.clients().first)
            #expect(listed.keyFingerprint == print && listed.chorusKeyFingerprints == [print, print])
            #expect(listed.hasConfigPdp)
        }
    }
}
