import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Sandbox

/// A sandbox and a plain HTTP client that speaks to it: no retry, no redirect, nothing hidden.
struct Conversation {
    struct Reply {
        let status: Int
        let headers: HTTPHeaders
        let text: String
        /// `nil` when the body is not JSON.
        let json: JSONValue?

        subscript(_ member: String) -> JSONValue? { json?[member] }
    }

    let server: SandboxServer
    let http: HTTPClient

    var world: SandboxWorld { server.world }

    func send(
        _ method: HTTPMethod,
        _ path: String,
        _ body: JSONValue? = nil,
        token: String? = nil,
        headers: [String: String] = [:],
        timeout: TimeAmount = .seconds(20)
    ) async throws -> Reply {
        let text = try body.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        return try await send(method, path, raw: text, token: token, headers: headers, timeout: timeout)
    }

    /// - Parameter raw: The body, sent as it is, for JSON unless `headers` say otherwise.
    func send(
        _ method: HTTPMethod,
        _ path: String,
        raw: String?,
        token: String? = nil,
        headers: [String: String] = [:],
        timeout: TimeAmount = .seconds(20)
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: server.url + path)
        request.method = method
        if let raw {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: raw))
        }
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await http.execute(request, timeout: timeout)
        let bytes = try await response.body.collect(upTo: 64 << 20)
        let data = Data(bytes.readableBytesView)
        return Reply(
            status: Int(response.status.code),
            headers: response.headers,
            text: String(decoding: data, as: UTF8.self),
            json: try? JSONDecoder().decode(JSONValue.self, from: data)
        )
    }

    func login(_ changes: [String: JSONValue] = [:]) async throws -> Reply {
        let body: [String: JSONValue] = ["username": "demo@factpulse.test", "password": "demo-password"]
        return try await send(.POST, "/api/token/", .object(body.merging(changes) { $1 }))
    }

    func token(_ uid: String? = nil) async throws -> String {
        let reply = try await login(uid.map { ["client_uid": .string($0)] } ?? [:])
        guard let token = reply["access"]?.text else { throw Unexpected(what: reply.text) }
        return token
    }

    /// A fresh client's uid, path and token.
    func newClient(_ name: String = "Dupont", siret: String? = nil) async throws -> (
        uid: String, path: String, token: String
    ) {
        let uid = await world.seedClients([SandboxClient(name: name, siret: siret)])[0].uuidString.lowercased()
        return (uid, "/api/v1/clients/\(uid)", try await token(uid))
    }
}

struct Unexpected: Error {
    let what: String
}

/// Starts a sandbox for one test and takes it down after.
func withSandbox<T>(
    _ configuration: SandboxConfiguration = .init(),
    _ body: (Conversation) async throws -> T
) async throws -> T {
    try await SandboxServer.withServer(configuration) { server in
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        do {
            let result = try await body(Conversation(server: server, http: http))
            try await http.shutdown()
            return result
        } catch {
            try await http.shutdown()
            throw error
        }
    }
}

func withSandbox<T>(
    options: (inout SandboxOptions) -> Void,
    _ body: (Conversation) async throws -> T
) async throws -> T {
    var configuration = SandboxConfiguration()
    options(&configuration.options)
    return try await withSandbox(configuration, body)
}

func withSandbox<T>(faults: FaultRule..., body: (Conversation) async throws -> T) async throws -> T {
    try await withSandbox(SandboxConfiguration(faults: faults), body)
}

/// Base64 of 32 bytes of one value.
func key(_ byte: UInt8) -> String { Data(repeating: byte, count: 32).base64EncodedString() }

func pdpConfig(_ changes: [String: JSONValue] = [:]) -> JSONValue {
    let body: [String: JSONValue] = [
        "flowServiceUrl": "https://pdp.example/flow", "tokenUrl": "https://pdp.example/token",
        "oauthClientId": "oauth", "clientSecret": "s3cret",
    ]
    return .object(body.merging(changes) { $1 })
}
