import FactPulse
import Foundation
import Testing

/// What goes over the wire, byte for byte where it matters.
struct WireFormTests {
    static let forms: [(FactPulse.Operation, String, String)] = [
        (.listClients, "GET /api/v1/clients?page=2&pageSize=50", ""),
        (.createClient, "POST /api/v1/clients", #"{"name":"Dupont & Fils"}"#),
        (.getClient, "GET /api/v1/clients/\(uid)", ""),
        (.updateClient, "PATCH /api/v1/clients/\(uid)", #"{"name":"Dupont","siret":null}"#),
        (.activateClient, "POST /api/v1/clients/\(uid)/activer", ""),
        (.deactivateClient, "POST /api/v1/clients/\(uid)/desactiver", ""),
        (.getPDPConfig, "GET /api/v1/clients/\(uid)/pdp-config", ""),
        (
            .updatePDPConfig, "PUT /api/v1/clients/\(uid)/pdp-config",
            #"{"clientSecret":"\#(Canary.clientSecret)","encryptionMode":"double","#
                + #""flowServiceUrl":"https://pdp.example.test/flow","oauthClientId":"oauth-42","#
                + #""tokenUrl":"https://pdp.example.test/token"}"#
        ),
        (
            .rotateEncryptionKey, "POST /api/v1/clients/\(uid)/rotate-encryption-key",
            #"{"newKey":"\#(newKey.base64.reveal)","oldKey":"\#(oldKey.base64.reveal)"}"#
        ),
        (.generateWebhookSecret, "POST /api/v1/clients/\(uid)/webhook-secret/generate", ""),
        (.getWebhookSecretStatus, "GET /api/v1/clients/\(uid)/webhook-secret/status", ""),
        (.deleteWebhookSecret, "DELETE /api/v1/clients/\(uid)/webhook-secret", ""),
        (.me, "GET /api/v1/me", ""),
    ]

    @Test(arguments: forms) func `each operation sends what the contract says, and reads a good answer`(
        operation: FactPulse.Operation,
        line: String,
        body: String
    ) async throws {
        let handler: StubServer.Handler = loggingIn { _ in StubAction.answer(200, goodBody(operation)) }
        try await withStub(handler, passwordCredentials, configure: { $0.version = "1.2" }) { client, server in
            try await perform(operation, on: client)

            #expect(server.calls.count == 1 && server.logins.count == 1)
            let request = try #require(server.calls.first)
            #expect("\(request.method) \(request.path)" == line)
            #expect(request.body == body)
            #expect(request.headers["authorization"] == "Bearer access-token-1")
            #expect(request.headers["accept"] == "application/json")
            #expect(request.headers["user-agent"] == "factpulse-worker/1.2")
            #expect(request.headers["x-api-key"] == nil)
            #expect(request.headers["content-type"] == (body.isEmpty ? nil : "application/json"))
            let key = operation == .updatePDPConfig ? newKey.base64.reveal : nil
            #expect(request.headers["x-encryption-key"] == key)

            let login = try #require(server.logins.first)
            let isAccount = [.listClients, .createClient, .me].contains(operation)
            #expect(login.json["username"] as? String == "ops@example.test")
            #expect(login.json["password"] as? String == Canary.password)
            #expect(login.json["client_uid"] as? String == (isAccount ? nil : uid.text))
            #expect(login.json.count == (isAccount ? 2 : 3))
        }
    }

    @Test func `an API key is sent alone, without any login`() async throws {
        try await withStub({ _ in StubAction.answer(200, goodBody(.getClient)) }) { client, server in
            _ = try await client.client(uid).get()
            #expect(server.logins.isEmpty)
            #expect(server.calls.first?.headers["x-api-key"] == Canary.apiKey)
            #expect(server.calls.first?.headers["authorization"] == nil)
        }
    }

    @Test func `what a server answers arrives whole`() async throws {
        let handler: StubServer.Handler = { request in
            StubAction.answer(200, goodBody(request.path.hasSuffix("me") ? .me : .listClients))
        }
        try await withStub(handler) { client, _ in
            let list = try await client.account.listClients()
            #expect(list.total == 101 && list.page == 2 && list.pageSize == 50 && list.results.count == 1)
            let one = try #require(list.results.first)
            #expect(one.uid == uid && one.siret == "73282932000074" && one.description == nil && one.isActive)
            #expect(abs(one.createdAt.timeIntervalSince(APIDateTests.noon) - 0.123456) < 1e-6)
            #expect(one.updatedAt == APIDateTests.noon)

            let me = try await client.account.me()
            #expect(me.email == "ops@example.test" && me.quotaLimit == 1000 && me.quotaUsed == nil)
        }
    }

    @Test(arguments: [200, 201, 202, 299]) func `any 2xx with the right body is a success`(status: Int) async throws {
        try await withStub({ _ in StubAction.answer(status, goodBody(.createClient), type: "text/plain") }) {
            client,
            _ in
            let created = try await client.account.createClient(ClientCreateRequest(name: "A"))
            #expect(created.uid == uid)
        }
    }

    @Test func `deleting may be answered with nothing at all`() async throws {
        try await withStub({ _ in [.send("HTTP/1.1 204 No Content\r\n\r\n")] }) { client, _ in
            let answer = try await client.client(uid).deleteWebhookSecret()
            #expect(answer.success)
        }
    }
}
