import Foundation
import NIOHTTP1
import Sandbox
import Testing

@Suite struct OperationTests {
    static let clientMembers: Set<String> = [
        "uid", "name", "siret", "description", "isActive", "hasConfigPdp", "pdpIsActive", "pdpIsMock",
        "hasConfigChorus", "createdAt", "updatedAt",
    ]

    @Test func `create answers 201 with the whole client and nothing undeclared`() async throws {
        try await withSandbox { api async throws in
            let token = try await api.token()
            let body: JSONValue = ["name": "Dupont", "siret": "12345678901234", "description": "first"]
            let reply = try await api.send(.POST, "/api/v1/clients", body, token: token)
            #expect(reply.status == 201)
            #expect(Set(try #require(reply.json?.members).keys) == Self.clientMembers)
            #expect(reply["name"] == "Dupont" && reply["siret"] == "12345678901234" && reply["isActive"] == true)
            #expect(reply["hasConfigPdp"] == false && reply["pdpIsActive"] == .null)
            let pattern = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/
            #expect(try #require(reply["createdAt"]?.text).wholeMatch(of: pattern) != nil)
        }
    }

    @Test func `a repeated create makes a second client`() async throws {
        try await withSandbox { api async throws in
            let token = try await api.token()
            for _ in 1...2 {
                _ = try await api.send(
                    .POST,
                    "/api/v1/clients",
                    ["name": "Dupont", "siret": "12345678901234"],
                    token: token
                )
            }
            #expect(await api.world.report().duplicates == ["12345678901234"])
        }
    }

    static let invalid: [(JSONValue, [String], String)] = [
        ([:], ["name"], "missing"), (["name": ""], ["name"], "string_too_short"),
        (["name": .string(String(repeating: "é", count: 256))], ["name"], "string_too_long"),
        (["name": 7], ["name"], "string_type"), (["name": nil], ["name"], "string_type"),
        (["name": "A", "siret": "1234567890123"], ["siret"], "string_pattern_mismatch"),
        (["name": "A", "siret": "1234567890123A"], ["siret"], "string_pattern_mismatch"),
        (["name": "A", "siret": "12345678901234\n"], ["siret"], "string_pattern_mismatch"),
        (["name": "", "description": .string(String(repeating: "x", count: 1001))], ["name", "description"], ""),
    ]

    @Test(arguments: invalid) func `an invalid create is refused with one problem a member`(
        _ body: JSONValue,
        _ members: [String],
        _ type: String
    ) async throws {
        try await withSandbox { api async throws in
            let reply = try await api.send(.POST, "/api/v1/clients", body, token: api.token())
            #expect(reply.status == 422)
            let problems = try #require(reply["detail"]?.items)
            #expect(problems.compactMap { $0["loc"]?[1]?.text } == members)
            #expect(type.isEmpty || problems[0]["type"]?.text == type)
            #expect(problems.allSatisfy { Set($0.members?.keys ?? [:].keys) == ["loc", "msg", "type"] })
            #expect(await api.world.report().clients == 0)
        }
    }

    static let contentTypes: [(String, Int)] = [
        ("application/json", 201), ("application/json; charset=utf-8", 201), ("application/vnd.api+json", 201),
        ("text/json", 422), ("text/plain", 422), ("application/x-www-form-urlencoded", 422),
    ]

    @Test(arguments: contentTypes) func `a body of another content type is not read as JSON`(
        _ type: String,
        _ status: Int
    ) async throws {
        try await withSandbox { api async throws in
            let headers = ["Content-Type": type]
            let reply = try await api.send(
                .POST,
                "/api/v1/clients",
                ["name": "A"],
                token: api.token(),
                headers: headers
            )
            #expect(reply.status == status)
        }
    }

    static let lengths: [(String, Int, Int)] = [
        ("name", 255, 201), ("name", 256, 422), ("description", 1000, 201), ("description", 1001, 422),
    ]

    /// Each of these characters is one code point, two UTF-16 units and four bytes.
    @Test(arguments: lengths) func `lengths are counted in code points`(
        _ member: String,
        _ count: Int,
        _ status: Int
    ) async throws {
        try await withSandbox { api async throws in
            let text = JSONValue.string(String(repeating: "🏢", count: count))
            let body = JSONValue.object(["name": "A"].merging([member: text]) { $1 })
            #expect(try await api.send(.POST, "/api/v1/clients", body, token: api.token()).status == status)
        }
    }

    @Test(arguments: [
        "", "{", "[]", "null", "7", #""name""#,
    ]) func `a body that is no JSON object is refused`(_ text: String) async throws {
        try await withSandbox { api async throws in
            let headers = ["Content-Type": "application/json", "Authorization": "Bearer \(try await api.token())"]
            let reply = try await api.send(.POST, "/api/v1/clients", raw: text, headers: headers)
            #expect(reply.status == 422 && reply["detail"]?[0]?["loc"] == ["body"])
        }
    }

    @Test func `list pages through every client once, in the order of creation`() async throws {
        try await withSandbox(SandboxConfiguration(clients: 45)) { api async throws in
            let token = try await api.token()
            var names: [String] = []
            for page in 1...4 {
                let reply = try await api.send(.GET, "/api/v1/clients?page=\(page)&pageSize=20", token: token)
                #expect(reply["total"] == 45 && reply["pageSize"] == 20)
                #expect(reply["page"]?.whole == page)
                names += try #require(reply["results"]?.items).compactMap { $0["name"]?.text }
            }
            #expect(names == (1...45).map { "Client \($0)" })
            let first = try await api.send(.GET, "/api/v1/clients", token: token)
            #expect(first["results"]?.items?.count == 20, "the default page size is 20")
        }
    }

    static let badPages = ["page=0", "page=x", "pageSize=0", "pageSize=101", "pageSize="]

    @Test(arguments: badPages) func `a page that cannot be is refused`(
        _ query: String
    ) async throws {
        try await withSandbox { api async throws in
            let reply = try await api.send(.GET, "/api/v1/clients?\(query)", token: api.token())
            #expect(reply.status == 422)
            #expect(reply["detail"]?[0]?["loc"]?[0] == "query")
        }
    }

    @Test func `update changes only the members it is given`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient("Dupont", siret: "12345678901234")
            let before = try await api.send(.GET, client.path, token: client.token)
            let after = try await api.send(.PATCH, client.path, ["description": "new"], token: client.token)
            #expect(after.status == 200)
            #expect(after["description"] == "new" && after["name"] == "Dupont" && after["siret"] == "12345678901234")
            #expect(try #require(after["updatedAt"]?.text) > #require(before["updatedAt"]?.text))
            let read = try await api.send(.GET, client.path, token: client.token)
            #expect(read.json == after.json)
        }
    }

    @Test func `deactivate and activate answer the new state, with or without a body`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let off = try await api.send(.POST, client.path + "/desactiver", token: client.token)
            #expect(off.status == 200 && off["isActive"] == false)
            #expect(off["uid"]?.text == client.uid && off["message"]?.text?.isEmpty == false)
            let on = try await api.send(.POST, client.path + "/activer", [:], token: client.token)
            #expect(on.status == 200 && on["isActive"] == true)
        }
    }

    @Test func `an absent PDP configuration is an answer and not a 404`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let reply = try await api.send(.GET, client.path + "/pdp-config", token: client.token)
            #expect(reply.status == 200 && reply["isConfigured"] == false)
            #expect(reply["message"]?.text?.isEmpty == false)
        }
    }

    @Test func `a PDP configuration is stored, replaced and never shows its secret`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let path = client.path + "/pdp-config"
            let put = try await api.send(.PUT, path, pdpConfig(["isActive": false]), token: client.token)
            #expect(put.status == 200 && put["isConfigured"] == true && put["isActive"] == false)
            #expect(put["encryptionMode"] == "fernet" && put["secretStatus"]?["status"] == "active")
            let again = try await api.send(.PUT, path, pdpConfig(["oauthClientId": "other"]), token: client.token)
            #expect(again["isActive"] == true, "an omitted member falls back to its default")
            #expect(again["oauthClientId"] == "other" && again["id"] == put["id"])
            #expect(again["createdAt"] == put["createdAt"])
            let read = try await api.send(.GET, path, token: client.token)
            #expect(read.json == again.json)
            #expect(![put, again, read].contains { $0.text.contains("s3cret") })
            let detail = try await api.send(.GET, client.path, token: client.token)
            #expect(detail["hasConfigPdp"] == true && detail["pdpIsActive"] == true)
        }
    }

    @Test func `a refused PDP configuration never repeats the secret`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            var body = try #require(pdpConfig(["encryptionMode": "triple", "isActive": "yes"]).members)
            body["tokenUrl"] = nil
            let reply = try await api.send(.PUT, client.path + "/pdp-config", .object(body), token: client.token)
            #expect(reply.status == 422 && !reply.text.contains("s3cret"))
            let members = reply["detail"]?.items?.compactMap { $0["loc"]?[1]?.text }
            #expect(members == ["tokenUrl", "isActive", "encryptionMode"])
        }
    }

    @Test func `rotation moves every double secret to the new key and kills the old one`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let uid = try #require(UUID(uuidString: client.uid))
            let put = try await api.send(
                .PUT,
                client.path + "/pdp-config",
                pdpConfig(["encryptionMode": "double"]),
                token: client.token,
                headers: ["X-Encryption-Key": key(1)]
            )
            #expect(put["secretStatus"]?["requiresClientKey"] == true)
            #expect(try await api.world.addChorusSecret("chorus", key: key(1), of: uid))
            let path = client.path + "/rotate-encryption-key"
            let change: JSONValue = ["oldKey": .string(key(1)), "newKey": .string(key(2))]
            let reply = try await api.send(.POST, path, change, token: client.token)
            #expect(reply.status == 200 && reply["success"] == true && reply["rotatedCount"] == 2)
            #expect(reply["partialErrors"] == .null)
            #expect(await api.world.opens(uid, key: key(2)))
            #expect(await !api.world.opens(uid, key: key(1)))
            #expect(try await api.send(.POST, path, change, token: client.token).status == 400)
        }
    }

    @Test func `rotation is all or nothing when one secret is under another key`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let uid = try #require(UUID(uuidString: client.uid))
            _ = try await api.send(
                .PUT,
                client.path + "/pdp-config",
                pdpConfig(["encryptionMode": "double"]),
                token: client.token,
                headers: ["X-Encryption-Key": key(1)]
            )
            #expect(try await api.world.addChorusSecret("chorus", key: key(9), of: uid))
            let reply = try await api.send(
                .POST,
                client.path + "/rotate-encryption-key",
                ["oldKey": .string(key(1)), "newKey": .string(key(2))],
                token: client.token
            )
            #expect(reply.status == 400)
            #expect(await api.world.opens(uid, key: key(1)))
        }
    }

    @Test func `rotation without a double secret is a 404, and a short key a 422`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let path = client.path + "/rotate-encryption-key"
            _ = try await api.send(.PUT, client.path + "/pdp-config", pdpConfig(), token: client.token)
            let none = try await api.send(
                .POST,
                path,
                ["oldKey": .string(key(1)), "newKey": .string(key(2))],
                token: client.token
            )
            #expect(none.status == 404)
            let short = try await api.send(
                .POST,
                path,
                ["oldKey": "short-old-key", "newKey": .string(key(2))],
                token: client.token
            )
            #expect(short.status == 422 && !short.text.contains("short-old-key"))
        }
    }

    @Test func `a webhook secret is shown once, replaced by the next and gone when deleted`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let path = client.path + "/webhook-secret"
            let none = try await api.send(.GET, path + "/status", token: client.token)
            #expect(none["hasSecret"] == false && none["createdAt"] == .null)
            let first = try await api.send(.POST, path + "/generate", token: client.token)
            let second = try await api.send(.POST, path + "/generate", [:], token: client.token)
            #expect(first.status == 200 && first["success"] == true)
            #expect(try #require(first["webhookSecret"]?.text).wholeMatch(of: /[0-9a-f]{64}/) != nil)
            #expect(first["webhookSecret"] != second["webhookSecret"])
            let status = try await api.send(.GET, path + "/status", token: client.token)
            #expect(status["hasSecret"] == true && status["createdAt"] == second["createdAt"])
            #expect(Set(try #require(status.json?.members).keys) == ["hasSecret", "createdAt"])
            let deleted = try await api.send(.DELETE, path, token: client.token)
            #expect(deleted.status == 200 && deleted["success"] == true)
            #expect(try await api.send(.GET, path + "/status", token: client.token)["hasSecret"] == false)
        }
    }

    @Test func `a superfluous slash is redirected, a missing one on the token path is a 404`() async throws {
        try await withSandbox { api async throws in
            let slash = try await api.send(.GET, "/api/v1/clients/?page=2", token: api.token())
            #expect(slash.status == 307 && slash.headers["location"] == ["/api/v1/clients?page=2"])
            #expect(try await api.send(.POST, "/api/token", [:]).status == 404)
            #expect(try await api.send(.POST, "/api/token/refresh", [:]).status == 404)
            #expect(try await api.send(.DELETE, "/api/v1/clients").status == 405)
            #expect(try await api.send(.GET, "/api/v1/nothing").status == 404)
        }
    }
}
