import Foundation
import NIOHTTP1
import Sandbox
import Testing

/// The ten operations on one client: method, path after the uid, body.
let clientRoutes: [(HTTPMethod, String, JSONValue?)] = [
    (.GET, "", nil), (.PATCH, "", ["name": "B"]), (.POST, "/activer", nil), (.POST, "/desactiver", nil),
    (.GET, "/pdp-config", nil), (.PUT, "/pdp-config", pdpConfig()),
    (.POST, "/rotate-encryption-key", ["oldKey": .string(key(1)), "newKey": .string(key(2))]),
    (.POST, "/webhook-secret/generate", nil), (.GET, "/webhook-secret/status", nil), (.DELETE, "/webhook-secret", nil),
]

@Suite struct AccessTests {
    @Test func `a token carries its client and its expiry`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            for (uid, lifetime) in [(client.uid, 1800), (nil, 1800)] as [(String?, Int)] {
                let token = try await api.token(uid)
                let payload = String(try #require(token.split(separator: ".").dropFirst().first))
                    .replacing("-", with: "+").replacing("_", with: "/")
                let padded = payload + String(repeating: "=", count: (4 - payload.count % 4) % 4)
                let bytes = try #require(Data(base64Encoded: padded))
                let claims = try JSONDecoder().decode(JSONValue.self, from: bytes)
                #expect(claims["client_uid"]?.text == uid)
                #expect(try #require(claims["exp"]?.whole) - #require(claims["iat"]?.whole) == lifetime)
            }
        }
    }

    @Test func `a refresh keeps the scope`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let login = try await api.login(["client_uid": .string(client.uid)])
            let refreshed = try await api.send(.POST, "/api/token/refresh/", ["refresh": login["refresh"] ?? nil])
            #expect(refreshed.status == 200 && refreshed["refresh"] == nil)
            let token = try #require(refreshed["access"]?.text)
            #expect(try await api.send(.GET, client.path, token: token).status == 200)
            let access = login["access"] ?? nil
            #expect(try await api.send(.POST, "/api/token/refresh/", ["refresh": access]).status == 401)
        }
    }

    @Test func `tokens that are forged, expired or revoked are refused`() async throws {
        try await withSandbox { api async throws in
            let token = try await api.token()
            let forged = String(token.dropLast(4)) + "AAAA"
            #expect(try await api.send(.GET, "/api/v1/clients", token: forged).status == 401)
            #expect(try await api.send(.GET, "/api/v1/clients", token: "nonsense").status == 401)
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 200)
            await api.world.expireTokens()
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 401)
            #expect(try await api.send(.GET, "/api/v1/me", token: api.token()).status == 200)
        }
        try await withSandbox(options: { $0.accessLifetime = 0 }) { api async throws in
            #expect(try await api.send(.GET, "/api/v1/me", token: api.token()).status == 401)
        }
    }

    @Test func `a login is JSON, and its client is a UUID`() async throws {
        try await withSandbox { api async throws in
            let body: JSONValue = ["username": "demo@factpulse.test", "password": "demo-password"]
            let plain = try await api.send(.POST, "/api/token/", body, headers: ["Content-Type": "text/plain"])
            #expect(plain.status == 415)
            #expect(try await api.login(["client_uid": 7]).status == 404, "not the account's token by mistake")
            #expect(try await api.login(["client_uid": ""]).status == 200)
        }
    }

    @Test func `a missing member of a login is named`() async throws {
        try await withSandbox { api async throws in
            let reply = try await api.send(.POST, "/api/token/", ["username": "x"])
            #expect(reply.status == 400 && reply["password"]?[0] == "This field is required.")
        }
    }

    @Test func `an account token opens the two account routes and none of the ten others`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            let account = try await api.token()
            #expect(try await api.send(.GET, "/api/v1/clients", token: account).status == 200)
            #expect(try await api.send(.POST, "/api/v1/clients", ["name": "A"], token: account).status == 201)
            for (method, path, body) in clientRoutes {
                let reply = try await api.send(method, client.path + path, body, token: account)
                #expect(reply.status == 403, "\(method) \(path)")
            }
        }
    }

    @Test func `a client token opens its own client and nothing else`() async throws {
        try await withSandbox { api async throws in
            let (client, other) = (try await api.newClient(), try await api.newClient())
            #expect(try await api.send(.GET, "/api/v1/clients", token: client.token).status == 403)
            #expect(try await api.send(.POST, "/api/v1/clients", ["name": "A"], token: client.token).status == 403)
            for (method, path, body) in clientRoutes {
                let foreign = try await api.send(method, other.path + path, body, token: client.token)
                #expect(foreign.status == 403, "\(method) \(path)")
                let own = try await api.send(method, client.path + path, body, token: client.token)
                // The one 404 says that there is no double-encrypted secret.
                #expect(own.status == (path == "/rotate-encryption-key" ? 404 : 200), "\(method) \(path)")
                let anonymous = try await api.send(method, client.path + path, body)
                #expect(anonymous.status == 401, "\(method) \(path)")
            }
            #expect(await api.world.report().effects.allSatisfy { $0.uid == client.uid })
        }
    }

    @Test func `a removed client is a 404 to its own token, and a malformed uid a 422`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient()
            #expect(try await api.send(.DELETE, "/__sandbox/clients/\(client.uid)").status == 200)
            #expect(try await api.send(.GET, client.path, token: client.token).status == 404)
            let malformed = try await api.send(.GET, "/api/v1/clients/7", token: client.token)
            #expect(malformed.status == 422 && malformed["detail"]?[0]?["loc"] == ["path", "uid"])
        }
    }

    @Test func `the API key opens every route when one is set, and only the right one does`() async throws {
        try await withSandbox(options: { $0.apiKey = "k" }) { api async throws in
            let client = try await api.newClient()
            #expect(try await api.send(.GET, "/api/v1/clients", headers: ["X-API-Key": "k"]).status == 200)
            #expect(try await api.send(.GET, client.path, headers: ["X-API-Key": "k"]).status == 200)
            #expect(try await api.send(.GET, client.path, headers: ["X-API-Key": "j"]).status == 401)
        }
    }
}
