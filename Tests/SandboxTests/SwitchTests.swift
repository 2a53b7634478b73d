import Foundation
import NIOHTTP1
import Sandbox
import Testing

@Suite struct SwitchTests {
    @Test(arguments: [(SandboxOptions.BadLogin.unauthorized, 401), (.badRequest, 400)]) func `bad login`(
        _ choice: SandboxOptions.BadLogin,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.badLogin = choice }) { api async throws in
            #expect(try await api.login(["password": "wrong"]).status == status)
            #expect(try await api.login(["username": "wrong"]).status == status)
        }
    }

    static let unknownClients = [(SandboxOptions.UnknownClientToken.notFound, 404), (.unauthorized, 401)]

    @Test(arguments: unknownClients) func `token for an unknown client`(
        _ choice: SandboxOptions.UnknownClientToken,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.unknownClientToken = choice }) { api async throws in
            #expect(try await api.login(["client_uid": .string(UUID().uuidString)]).status == status)
            #expect(try await api.login(["client_uid": "not-a-uuid"]).status == status)
            #expect(try await api.login(["client_uid": nil]).status == 200)
        }
    }

    static let inactiveClients = [(SandboxOptions.InactiveClientToken.issued, 200), (.forbidden, 403)]

    @Test(arguments: inactiveClients) func `token for a deactivated client`(
        _ choice: SandboxOptions.InactiveClientToken,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.inactiveClientToken = choice }) { api async throws in
            let client = try await api.newClient()
            _ = try await api.send(.POST, client.path + "/desactiver", token: client.token)
            #expect(try await api.login(["client_uid": .string(client.uid)]).status == status)
            #expect(try await api.send(.GET, client.path, token: client.token).status == 200)
        }
    }

    static let accountTokens = [(SandboxOptions.AccountToken.forbidden, 403), (.accepted, 200), (.badRequest, 400)]

    @Test(arguments: accountTokens) func `account token on a client route`(
        _ choice: SandboxOptions.AccountToken,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.accountToken = choice }) { api async throws in
            let reply = try await api.send(.GET, api.newClient().path, token: api.token())
            #expect(reply.status == status)
            if status == 400 { #expect(reply["detail"]?["error"] == "NO_CLIENT_UID") }
        }
    }

    @Test func `the body of a wrong scope`() async throws {
        for (shape, read) in [
            (ErrorShape.A, { $0["detail"]?.text }), (.C, { $0["detail"]?["message"]?.text }),
            (.E, { $0["errorMessage"]?.text }),
        ] as [(ErrorShape, (JSONValue) -> String?)] {
            try await withSandbox(options: { $0.wrongScopeShape = shape }) { api async throws in
                let reply = try await api.send(.GET, api.newClient().path, token: api.token())
                #expect(reply.status == 403)
                #expect(reply.json.flatMap(read) != nil, "\(shape): \(reply.text)")
            }
        }
    }

    static let missingCredentials = [(SandboxOptions.MissingCredentials.unauthorized, 401), (.forbidden, 403)]

    @Test(arguments: missingCredentials) func `missing credentials`(
        _ choice: SandboxOptions.MissingCredentials,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.missingCredentials = choice }) { api async throws in
            #expect(try await api.send(.GET, "/api/v1/clients").status == status)
            #expect(try await api.send(.GET, "/api/v1/clients", token: "bad").status == 401)
        }
    }

    @Test func `null in an update clears, or is ignored`() async throws {
        try await withSandbox { api async throws in
            let client = try await api.newClient("A", siret: "12345678901234")
            let cleared = try await api.send(.PATCH, client.path, ["siret": nil], token: client.token)
            #expect(cleared.status == 200 && cleared["siret"] == .null)
            #expect(try await api.send(.PATCH, client.path, ["name": nil], token: client.token).status == 422)
        }
        try await withSandbox(options: { $0.nullInPatch = .ignored }) { api async throws in
            let client = try await api.newClient("A", siret: "12345678901234")
            let kept = try await api.send(.PATCH, client.path, ["siret": nil, "name": nil], token: client.token)
            #expect(kept.status == 200 && kept["siret"] == "12345678901234" && kept["name"] == "A")
        }
    }

    static let badKeys = [(SandboxOptions.BadKey.badRequest, 400), (.unprocessable, 422)]

    @Test(arguments: badKeys) func `double encryption without a usable key`(
        _ choice: SandboxOptions.BadKey,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.badKey = choice }) { api async throws in
            let client = try await api.newClient()
            let body = pdpConfig(["encryptionMode": "double"])
            let short = Data(repeating: 1, count: 31).base64EncodedString()
            #expect(short.count == 44, "as long as the text of a right key")
            for headers in [[:], ["X-Encryption-Key": short], ["X-Encryption-Key": "%%%"]] {
                let reply = try await api.send(
                    .PUT,
                    client.path + "/pdp-config",
                    body,
                    token: client.token,
                    headers: headers
                )
                #expect(reply.status == status)
            }
            #expect(try await api.send(.GET, client.path, token: client.token)["hasConfigPdp"] == false)
        }
    }

    static let wrongOldKeys = [(SandboxOptions.WrongOldKey.badRequest, 400), (.unsuccessful, 200)]

    @Test(arguments: wrongOldKeys) func `rotation with a wrong old key`(
        _ choice: SandboxOptions.WrongOldKey,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.wrongOldKey = choice }) { api async throws in
            let client = try await api.newClient()
            _ = try await api.send(
                .PUT,
                client.path + "/pdp-config",
                pdpConfig(["encryptionMode": "double"]),
                token: client.token,
                headers: ["X-Encryption-Key": key(1)]
            )
            let reply = try await api.send(
                .POST,
                client.path + "/rotate-encryption-key",
                ["oldKey": .string(key(3)), "newKey": .string(key(2))],
                token: client.token
            )
            #expect(reply.status == status)
            if status == 200 {
                #expect(reply["success"] == false && reply["partialErrors"]?.items?.isEmpty == false)
            }
            #expect(await api.world.opens(try #require(UUID(uuidString: client.uid)), key: key(1)))
        }
    }

    @Test(arguments: [(SandboxOptions.RepeatActivation.succeeds, 200), (.conflict, 409)]) func `repeated activation`(
        _ choice: SandboxOptions.RepeatActivation,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.repeatActivation = choice }) { api async throws in
            let client = try await api.newClient()
            #expect(try await api.send(.POST, client.path + "/activer", token: client.token).status == status)
            #expect(try await api.send(.POST, client.path + "/desactiver", token: client.token).status == 200)
            #expect(try await api.send(.POST, client.path + "/desactiver", token: client.token).status == status)
        }
    }

    static let absentSecrets = [(SandboxOptions.AbsentWebhookSecret.succeeds, 200), (.notFound, 404)]

    @Test(arguments: absentSecrets) func `deleting an absent webhook secret`(
        _ choice: SandboxOptions.AbsentWebhookSecret,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.absentWebhookSecret = choice }) { api async throws in
            let client = try await api.newClient()
            #expect(try await api.send(.DELETE, client.path + "/webhook-secret", token: client.token).status == status)
        }
    }

    @Test func `an oversized page is cut when told so, and echoes the cut size`() async throws {
        var configuration = SandboxConfiguration(clients: 101)
        configuration.options.oversizedPage = .cut
        try await withSandbox(configuration) { api async throws in
            let reply = try await api.send(.GET, "/api/v1/clients?pageSize=500", token: api.token())
            #expect(reply.status == 200 && reply["pageSize"] == 100 && reply["results"]?.items?.count == 100)
        }
    }

    @Test(arguments: [(SandboxOptions.PagePastEnd.empty, 200), (.notFound, 404)]) func `a page past the end`(
        _ choice: SandboxOptions.PagePastEnd,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.pagePastEnd = choice }) { api async throws in
            let token = try await api.token()
            #expect(try await api.send(.GET, "/api/v1/clients?page=2", token: token).status == status)
            #expect(try await api.send(.GET, "/api/v1/clients", token: token).status == 200)
        }
    }

    @Test func `a shuffled list holds the same clients in another order`() async throws {
        var configuration = SandboxConfiguration(clients: 100)
        configuration.options.listOrder = .shuffledWithinSeconds
        try await withSandbox(configuration) { api async throws in
            let token = try await api.token()
            var orders: [[String]] = []
            for _ in 1...2 {
                let reply = try await api.send(.GET, "/api/v1/clients?pageSize=100", token: token)
                orders.append(try #require(reply["results"]?.items).compactMap { $0["uid"]?.text })
            }
            #expect(orders[0] != orders[1] && Set(orders[0]) == Set(orders[1]) && orders[0].count == 100)
        }
    }

    @Test func `null members can be left out, and undeclared ones added, at every depth`() async throws {
        try await withSandbox(options: { ($0.omitsNulls, $0.addsMembers) = (true, true) }) { api async throws in
            let client = try await api.newClient()
            let put = try await api.send(.PUT, client.path + "/pdp-config", pdpConfig(), token: client.token)
            #expect(put["lastTestAt"] == nil && put["message"] == nil && put["isConfigured"] == true)
            #expect(put["notYetDeclared"]?["since"] == "5.0" && put["secretStatus"]?["notYetDeclared"] != nil)
            let list = try await api.send(.GET, "/api/v1/clients", token: api.token())
            #expect(list["results"]?[0]?["siret"] == nil && list["results"]?[0]?["notYetDeclared"] != nil)
        }
    }

    @Test(arguments: [(SandboxOptions.InactiveClient.served, 200), (.forbidden, 403)])
    func `routes of a deactivated client`(
        _ choice: SandboxOptions.InactiveClient,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.inactiveClient = choice }) { api async throws in
            let client = try await api.newClient()
            _ = try await api.send(.POST, client.path + "/desactiver", token: client.token)
            #expect(try await api.send(.GET, client.path, token: client.token).status == status)
            #expect(try await api.send(.GET, client.path + "/pdp-config", token: client.token).status == status)
            #expect(try await api.send(.POST, client.path + "/activer", token: client.token).status == 200)
            #expect(try await api.send(.GET, client.path, token: client.token).status == 200)
        }
    }

    @Test func `dates of every form follow each other`() async throws {
        try await withSandbox(options: { $0.dates = .mixed }) { api async throws in
            let token = try await api.token()
            var forms: Set<String> = []
            for _ in 1...400 where forms.count < 6 {
                let reply = try await api.send(.POST, "/api/v1/clients", ["name": "A"], token: token)
                let date = try #require(reply["createdAt"]?.text)
                forms.insert(date.replacing(/[0-9]/, with: "0"))
            }
            #expect(
                forms == [
                    "0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000000Z", "0000-00-00T00:00:00.000000000Z",
                    "0000-00-00T00:00:00.000000+00:00", "0000-00-00T00:00:00.000000",
                ]
            )
        }
    }

    static let dateStyles = [
        (SandboxOptions.DateStyle.seconds, #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"#),
        (.nanoseconds, #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"#),
        (.noOffset, #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$"#),
        (.eastern, #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+02:00$"#),
        (.offset, #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$"#),
    ]

    @Test(arguments: dateStyles) func `dates`(_ choice: SandboxOptions.DateStyle, _ pattern: String) async throws {
        try await withSandbox(options: { $0.dates = choice }) { api async throws in
            let reply = try await api.send(.POST, "/api/v1/clients", ["name": "A"], token: api.token())
            let text = try #require(reply["createdAt"]?.text)
            #expect(text.range(of: pattern, options: .regularExpression) != nil)
            let shift = choice == .eastern ? 7200.0 : 0
            let written = try #require(try? Date(text.prefix(19) + "Z", strategy: .iso8601))
            #expect(abs(written.timeIntervalSinceNow - shift) < 60, "the same instant in every form")
        }
    }

    @Test func `duplicates are refused when told so`() async throws {
        for (choice, name, siret) in [
            (SandboxOptions.Duplicates.sameSIRETRefused, "B", "12345678901234"),
            (.sameNameRefused, "A", "99999999999999"),
        ] as [(SandboxOptions.Duplicates, String, String)] {
            try await withSandbox(options: { $0.duplicates = choice }) { api async throws in
                _ = try await api.newClient("A", siret: "12345678901234")
                let token = try await api.token()
                let body: JSONValue = ["name": .string(name), "siret": .string(siret)]
                #expect(try await api.send(.POST, "/api/v1/clients", body, token: token).status == 409)
                let free: JSONValue = ["name": "C", "siret": "11111111111111"]
                #expect(try await api.send(.POST, "/api/v1/clients", free, token: token).status == 201)
            }
        }
    }

    @Test(arguments: [("73282932000074", 201), ("12345678901234", 422)]) func `the SIRET checksum counts when told so`(
        _ siret: String,
        _ status: Int
    ) async throws {
        try await withSandbox(options: { $0.luhn = true }) { api async throws in
            let body: JSONValue = ["name": "A", "siret": .string(siret)]
            #expect(try await api.send(.POST, "/api/v1/clients", body, token: api.token()).status == status)
        }
    }

    @Test func `token answers can carry a lifetime, and a refresh a new refresh token`() async throws {
        try await withSandbox(options: {
            $0.showsAccessLifetime = true
            $0.renewsRefreshToken = true
            $0.accessLifetime = 60
        }) { api async throws in
            let login = try await api.login()
            #expect(login["access_lifetime"] == 60)
            let refreshed = try await api.send(.POST, "/api/token/refresh/", ["refresh": login["refresh"] ?? nil])
            #expect(refreshed["refresh"]?.text != nil)
        }
    }
}
