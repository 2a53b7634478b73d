import Foundation
import NIOHTTP1
import Sandbox
import Testing

@Suite struct AdminTests {
    @Test func `clients can be seeded, listed and removed over HTTP`() async throws {
        try await withSandbox { api async throws in
            #expect(try await api.send(.GET, "/__sandbox/health").status == 200)
            let body: JSONValue = [
                "count": 2, "clients": [["name": "Z", "siret": "12345678901234", "isActive": false]],
            ]
            let uids = try #require(try await api.send(.POST, "/__sandbox/clients", body)["uids"]?.items)
            #expect(uids.count == 3)
            let listed = try #require(try await api.send(.GET, "/__sandbox/ledger/clients").json?.items)
            #expect(listed.compactMap { $0["uid"] } == uids)
            #expect(listed[0]["name"] == "Z" && listed[0]["isActive"] == false)
            let uid = try #require(uids[0].text)
            #expect(try await api.send(.DELETE, "/__sandbox/clients/\(uid)").status == 200)
            #expect(try await api.send(.DELETE, "/__sandbox/clients/\(uid)").status == 404)
            #expect(try await api.send(.GET, "/__sandbox/ledger")["clients"] == 2)
        }
    }

    @Test func `the ledger tells requests, statuses and effects in order, a part at a time`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient("Dupont", siret: "12345678901234")
            _ = try await api.send(.PATCH, client.path, ["name": "B"], token: client.token)
            _ = try await api.send(.PATCH, client.path, ["name": ""], token: client.token)
            _ = try await api.send(.POST, client.path + "/desactiver", token: client.token)
            let ledger = try await api.send(.GET, "/__sandbox/ledger")
            #expect(ledger["requests"] == 4 && ledger["clientsBySiret"] == ["12345678901234": 1])
            let statuses: JSONValue = ["200": 1, "422": 1]
            #expect(ledger["byOperation"]?["updateClient"] == ["count": 2, "statuses": statuses])
            #expect(
                ledger["effects"]?.items?.compactMap { $0["operation"]?.text } == ["updateClient", "deactivateClient"]
            )
            #expect((1...4).contains(try #require(ledger["peakRequestsPerSecond"]?.whole)))
            let part = try await api.send(.GET, "/__sandbox/ledger?since=1&limit=1")
            #expect(part["effects"]?.items?.count == 1 && part["effects"]?[0]?["seq"] == 2)
            #expect(part["effects"]?[0]?["uid"]?.text == client.uid)
        }
    }

    @Test func `the ledger names the live key at every effect, and a key can be tried`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            _ = try await api.send(
                .PUT,
                client.path + "/pdp-config",
                pdpConfig(["encryptionMode": "double"]),
                token: client.token,
                headers: ["X-Encryption-Key": key(1)]
            )
            let chorus: JSONValue = ["secret": "c", "key": .string(key(1))]
            #expect(try await api.send(.POST, "/__sandbox/clients/\(client.uid)/chorus", chorus).status == 200)
            let rotation = try await api.send(
                .POST,
                client.path + "/rotate-encryption-key",
                ["oldKey": .string(key(1)), "newKey": .string(key(2))],
                token: client.token
            )
            #expect(rotation["rotatedCount"] == 2)
            let effects = try #require(try await api.send(.GET, "/__sandbox/ledger")["effects"]?.items)
            let prints = effects.compactMap { $0["keyFingerprint"]?.text }
            #expect(prints.count == 2 && prints[0] != prints[1])
            for (byte, opens) in [(1, false), (2, true)] as [(UInt8, Bool)] {
                let question: JSONValue = ["uid": .string(client.uid), "key": .string(key(byte))]
                #expect(try await api.send(.POST, "/__sandbox/opens", question)["pdp"]?.flag == opens)
            }
        }
    }

    @Test func `faults and options can be set, read and cleared while it runs`() async throws {
        try await withSandbox { api async throws in
            let settings: JSONValue = [
                "faults": [["kind": "status", "operation": "me", "status": 500]], "options": ["luhn": true], "seed": 9,
            ]
            #expect(try await api.send(.PUT, "/__sandbox/faults", settings).status == 200)
            let token = try await api.token()
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 500)
            let read = try await api.send(.GET, "/__sandbox/faults")
            #expect(read["seed"] == 9 && read["options"]?["luhn"] == true && read["faults"]?.items?.count == 1)
            #expect(try await api.send(.DELETE, "/__sandbox/faults").status == 200)
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 200)
        }
    }

    @Test func `every request is in the ledger, with its time, its client and its status`() async throws {
        let rules = [FaultRule(.cutBefore, on: "deleteWebhookSecret"), FaultRule(.status, on: "updateClient")]
        try await withSandbox(SandboxConfiguration(faults: rules)) { api async throws in
            let client = try await api.newClient()
            _ = try await api.send(.PATCH, client.path, ["name": "B"], token: client.token)
            await #expect(throws: (any Error).self) {
                try await api.send(.DELETE, client.path + "/webhook-secret", token: client.token)
            }
            let log = try #require(try await api.send(.GET, "/__sandbox/ledger/requests").json?.items)
            // Not as closures inside #expect: there the compiler takes one for another of the same type.
            func column(_ name: String) -> [JSONValue?] { log.map { $0[name] } }
            #expect(column("operation") == ["token", "updateClient", "deleteWebhookSecret"])
            #expect(column("status") == ["200", "503", "cut"])
            #expect(column("uid") == [nil, .string(client.uid), .string(client.uid)])
            #expect(column("seq") == [1, 2, 3])
            let times = column("at").compactMap { $0?.text }
            #expect(times.count == 3 && times == times.sorted())
            let part = try await api.send(.GET, "/__sandbox/ledger/requests?since=1&limit=1")
            #expect(part.json?.items?.count == 1 && part.json?[0]?["operation"] == "updateClient")
        }
    }

    @Test func `a request that nobody has answered yet has no status`() async throws {
        let rule = FaultRule(.lateCommit, on: "me") { ($0.hold, $0.delay) = (300, 300) }
        try await withSandbox(faults: rule) { api async throws in
            let token = try await api.token()
            let call = Task { try await api.send(.GET, "/api/v1/me", token: token) }
            try await api.world.waitForRequests(1, of: .me)
            let waiting = try #require(await api.world.requests().last)
            #expect(waiting.operation == .me && waiting.status == nil && waiting.milliseconds == nil)
            call.cancel()
            await #expect(throws: (any Error).self) { try await call.value }
        }
    }

    @Test func `secrets are kept only when told, and then all of them`() async throws {
        func life(_ api: Conversation) async throws -> [String] {
            let client = try await api.newClient()
            let login = try await api.login(["client_uid": .string(client.uid)])
            _ = try await api.send(
                .PUT,
                client.path + "/pdp-config",
                pdpConfig(["encryptionMode": "double"]),
                token: client.token,
                headers: ["X-Encryption-Key": key(1)]
            )
            let keys: JSONValue = ["oldKey": .string(key(1)), "newKey": .string(key(2))]
            _ = try await api.send(.POST, client.path + "/rotate-encryption-key", keys, token: client.token)
            let webhook = try await api.send(.POST, client.path + "/webhook-secret/generate", token: client.token)
            let made = [login["access"]?.text, login["refresh"]?.text, webhook["webhookSecret"]?.text]
            return made.compactMap { $0 } + ["demo-password", "s3cret", key(1), key(2), client.token]
        }
        try await withSandbox { api async throws in
            _ = try await life(api)
            #expect(try await api.send(.GET, "/__sandbox/secrets").json == [])
        }
        try await withSandbox(options: { $0.remembersSecrets = true }) { api async throws in
            let secrets = try await life(api)
            let kept = try #require(try await api.send(.GET, "/__sandbox/secrets").json?.items).compactMap(\.text)
            #expect(secrets.count == 8 && Set(secrets).isSubset(of: kept))
        }
    }

    static let mistakes: [JSONValue] = [
        ["fault": []], ["options": ["luhnn": true]], ["options": ["badLogin": 402]], ["faults": [["kind": "explode"]]],
        ["faults": [["kind": "status", "operation": "creatClient"]]],
        ["faults": [["kind": "status", "probabilty": 1]]],
        ["faults": [["kind": "status", "probability": 2]]], ["faults": [["kind": "status", "from": 3, "to": 2]]],
        ["faults": [["kind": "emptyPage", "operation": "*"]]], ["faults": [["kind": "change", "removes": -1]]],
        ["faults": ["kind": "status"]], ["seed": -1], ["seed": "7"], [],
    ]

    @Test(arguments: mistakes) func `a mistake in a fault file is refused and changes nothing`(
        _ settings: JSONValue
    ) async throws {
        try await withSandbox(faults: FaultRule(.status, on: "me")) { api async throws in
            let before = await api.world.currentSettings
            let reply = try await api.send(.PUT, "/__sandbox/faults", settings)
            #expect(reply.status == 400, "\(reply.text)")
            #expect(await api.world.currentSettings == before)
        }
    }

    @Test func `reset forgets clients, ledger, faults and tokens`() async throws {
        try await withSandbox(SandboxConfiguration(faults: [FaultRule(.status, on: "createClient")], clients: 3)) {
            api async throws in
            let token = try await api.token()
            #expect(try await api.send(.POST, "/__sandbox/reset").status == 200)
            let report = await api.world.report()
            #expect(report.clients == 0 && report.requests == 0 && report.clientsBySiret.isEmpty)
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 401)
            #expect(try await api.send(.POST, "/api/v1/clients", ["name": "A"], token: api.token()).status == 201)
        }
    }

    @Test func `an address that is not loopback is refused`() async throws {
        var configuration = SandboxConfiguration()
        configuration.host = "0.0.0.0"
        await #expect(throws: SandboxError.self) { try await withSandbox(configuration) { _ in } }
    }

    @Test func `a port in use is an error and not a wait`() async throws {
        try await withSandbox { api async throws in
            var configuration = SandboxConfiguration()
            configuration.port = try #require(URL(string: api.server.url)?.port)
            await #expect(throws: (any Error).self) { try await withSandbox(configuration) { _ in } }
        }
    }
}
