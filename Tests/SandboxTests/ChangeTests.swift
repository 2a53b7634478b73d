import Foundation
import NIOHTTP1
import Sandbox
import Testing

/// Clients that change behind the API's back, while they are being listed.
@Suite struct ChangeTests {
    private func names(_ api: Conversation, _ page: Int, token: String) async throws -> [String] {
        let reply = try await api.send(.GET, "/api/v1/clients?page=\(page)&pageSize=10", token: token)
        return try #require(reply["results"]?.items).compactMap { $0["name"]?.text }
    }

    @Test func `one removed before the cursor and one added after it fool a count, and skip a client`() async throws {
        let rule = FaultRule(.change, on: "listClients") {
            ($0.from, $0.to, $0.removes, $0.creates, $0.pick) = (2, 2, 1, 1, .first)
        }
        try await withSandbox(SandboxConfiguration(faults: [rule], clients: 20)) { api async throws in
            let token = try await api.token()
            let seen = try await names(api, 1, token: token) + names(api, 2, token: token)
            #expect(seen.count == 20 && Set(seen).count == 20, "no client twice, and as many as total says")
            #expect(!seen.contains("Client 11") && seen.first == "Client 1", "one skipped, one that is gone")
            #expect(await api.world.report().changes == 2)
        }
    }

    @Test func `each kind of change does what it says, as often as it says`() async throws {
        let rule = FaultRule(.change, on: "listClients") {
            ($0.to, $0.creates, $0.renames, $0.toggles, $0.removes, $0.pick) = (1, 3, 1, 1, 2, .last)
        }
        try await withSandbox(SandboxConfiguration(faults: [rule], clients: 10)) { api async throws in
            let before = Set(await api.world.clients().map(\.uid))
            _ = try await names(api, 1, token: api.token())
            let after = await api.world.clients()
            #expect(after.count == 11)
            #expect(before.subtracting(after.map(\.uid)).count == 2)
            #expect(Set(after.map(\.uid)).subtracting(before).count == 3)
            #expect(after.filter { !$0.isActive }.map(\.uid) == [after[7].uid])
            #expect(after[7].name.hasPrefix("Renamed"))
            #expect(await api.world.report().effects.isEmpty, "none of it went through the API")
        }
    }

    @Test func `a list churns at its rate, and the same seed churns it alike`() async throws {
        func churned(seed: UInt64) async throws -> [String] {
            let rule = FaultRule(.churn, on: "listClients") { ($0.perSecond, $0.creates, $0.toggles) = (200, 1, 1) }
            return try await withSandbox(SandboxConfiguration(faults: [rule], seed: seed, clients: 50)) {
                api async throws in
                let token = try await api.token()
                let start = ContinuousClock.now
                while await api.world.report().changes < 100 { _ = try await names(api, 1, token: token) }
                let changes = Double(await api.world.report().changes)
                #expect(changes <= (ContinuousClock.now - start) / .seconds(1) * 200)
                return await api.world.clients().map(\.name).filter { $0.hasPrefix("Newcomer") }
            }
        }
        // How many changes are due is a matter of the clock; which ones they are is not.
        let (first, again, other) = (try await churned(seed: 4), try await churned(seed: 4), try await churned(seed: 5))
        #expect(first.count >= 20)
        #expect(first.prefix(20) == again.prefix(20))
        #expect(first.prefix(20) != other.prefix(20))
    }

    @Test func `an empty page can have a total`() async throws {
        let rule = FaultRule(.emptyPage, on: "listClients") { ($0.from, $0.to) = (2, 2) }
        try await withSandbox(SandboxConfiguration(faults: [rule], clients: 30)) { api async throws in
            let token = try await api.token()
            #expect(try await names(api, 1, token: token).count == 10)
            let empty = try await api.send(.GET, "/api/v1/clients?page=2&pageSize=10", token: token)
            #expect(empty.status == 200 && empty["results"] == [] && empty["total"] == 30 && empty["page"] == 2)
            #expect(try await names(api, 2, token: token).count == 10)
        }
    }

    @Test func `a smaller page than asked is echoed`() async throws {
        var configuration = SandboxConfiguration(clients: 60)
        configuration.options.largestPage = 25
        try await withSandbox(configuration) { api async throws in
            let token = try await api.token()
            let reply = try await api.send(.GET, "/api/v1/clients?page=2&pageSize=100", token: token)
            #expect(reply.status == 200 && reply["pageSize"] == 25 && reply["results"]?.items?.count == 25)
            #expect(reply["results"]?[0]?["name"] == "Client 26")
            #expect(try await api.send(.GET, "/api/v1/clients?pageSize=101", token: token).status == 422)
            #expect(try await api.send(.GET, "/api/v1/clients?pageSize=7", token: token)["pageSize"] == 7)
        }
    }

    @Test func `a client can be edited as in the dashboard`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient("A", siret: "12345678901234")
            let admin = "/__sandbox/clients/\(client.uid)"
            let before = try await api.send(.GET, client.path, token: client.token)
            let edit: JSONValue = [
                "name": "B", "siret": nil, "description": "d", "isActive": false, "pdp": ["isMock": true],
            ]
            #expect(try await api.send(.PATCH, admin, edit).status == 200)
            let after = try await api.send(.GET, client.path, token: client.token)
            #expect(after["name"] == "B" && after["siret"] == .null && after["isActive"] == false)
            #expect(after["hasConfigPdp"] == true && after["pdpIsMock"] == true && after["pdpIsActive"] == true)
            #expect(try #require(after["updatedAt"]?.text) > #require(before["updatedAt"]?.text))
            #expect(try await api.send(.PATCH, admin, ["pdp": nil]).status == 200)
            #expect(try await api.send(.GET, client.path, token: client.token)["hasConfigPdp"] == false)
            #expect(await api.world.report().clientsBySiret.isEmpty)
        }
    }

    @Test func `the last test of a PDP configuration can be set, and is not an update of it`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let path = client.path + "/pdp-config"
            let put = try await api.send(.PUT, path, pdpConfig(), token: client.token)
            #expect(put["lastTestAt"] == .null && put["lastTestSuccess"] == .null)
            let test: JSONValue = [
                "lastTestAt": "2026-03-01T12:00:00.5Z", "lastTestSuccess": false, "lastTestError": "timeout",
            ]
            #expect(try await api.send(.PATCH, "/__sandbox/clients/\(client.uid)", ["pdp": test]).status == 200)
            let read = try await api.send(.GET, path, token: client.token)
            #expect(read["lastTestAt"] == "2026-03-01T12:00:00.500000Z" && read["lastTestError"] == "timeout")
            #expect(read["lastTestSuccess"] == false && read["updatedAt"] == put["updatedAt"])
            let status: JSONValue = ["pdp": ["secretStatus": "missing"]]
            #expect(try await api.send(.PATCH, "/__sandbox/clients/\(client.uid)", status).status == 200)
            let changed = try await api.send(.GET, path, token: client.token)
            #expect(changed["secretStatus"]?["status"] == "missing" && changed["updatedAt"] != put["updatedAt"])
        }
    }

    @Test func `a webhook secret can be made and deleted by somebody else`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let admin = "/__sandbox/clients/\(client.uid)"
            let path = client.path + "/webhook-secret/status"
            #expect(try await api.send(.PATCH, admin, ["webhook": [:]]).status == 200)
            let made = try await api.send(.GET, path, token: client.token)
            #expect(made["hasSecret"] == true)
            let old: JSONValue = ["webhook": ["createdAt": "2026-01-02T03:04:05Z"]]
            #expect(try await api.send(.PATCH, admin, old).status == 200)
            #expect(try await api.send(.GET, path, token: client.token)["createdAt"] == "2026-01-02T03:04:05.000000Z")
            #expect(try await api.send(.PATCH, admin, ["webhook": nil]).status == 200)
            #expect(try await api.send(.GET, path, token: client.token)["hasSecret"] == false)
        }
    }

    static let mistakes: [JSONValue] = [
        ["nam": "x"], ["name": nil], ["name": 7], ["isActive": "no"], ["pdp": 3], ["pdp": ["lastTestAt": "soon"]],
        ["pdp": ["key": "short"]], ["webhook": ["createdAt": nil]], ["webhook": ["value": "x"]], [], [:],
    ]

    @Test(arguments: mistakes) func `a mistake in an edit is refused and changes nothing`(_ edit: JSONValue)
        async throws
    {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let before = try await api.send(.GET, client.path, token: client.token)
            #expect(try await api.send(.PATCH, "/__sandbox/clients/\(client.uid)", edit).status == 400)
            #expect(try await api.send(.GET, client.path, token: client.token).json == before.json)
        }
    }

    @Test func `clients can be seeded with PDP configurations, under a key and under their old uid`() async throws {
        try await withSandbox { api async throws in
            let seeds: JSONValue = ["count": 30, "pdpEvery": 10, "key": .string(key(7))]
            let uids = try #require(try await api.send(.POST, "/__sandbox/clients", seeds)["uids"]?.items)
            let configured = await api.world.clients().filter(\.hasConfigPdp).map(\.uid)
            #expect(configured == [9, 19, 29].compactMap { uids[$0].text })
            for uid in configured {
                #expect(await api.world.opens(try #require(UUID(uuidString: uid)), key: key(7)))
            }
            let uid = try #require(uids[0].text)
            #expect(try await api.send(.DELETE, "/__sandbox/clients/\(uid)").status == 200)
            let back: JSONValue = ["clients": [["name": "Back", "uid": .string(uid)]]]
            #expect(try await api.send(.POST, "/__sandbox/clients", back)["uids"]?[0]?.text == uid)
            #expect(try await api.send(.GET, "/api/v1/clients/\(uid)", token: api.token(uid))["name"] == "Back")
            let bad: JSONValue = ["count": 1, "pdpEvery": 1, "key": "short"]
            #expect(try await api.send(.POST, "/__sandbox/clients", bad).status == 400)
            #expect(await api.world.clients().count == 30, "a mistake seeds nothing")
        }
    }
}
