import FactPulse
import Foundation
import Logging
import Synchronization

let uid = ClientUID("0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e")!
let oldKey = EncryptionKey(bytes: (0..<32).map { UInt8($0 * 7 % 251) })!
let newKey = EncryptionKey(bytes: (0..<32).map { UInt8($0 * 11 % 241 + 3) })!

/// Everything that must never be seen in an error, with distinct texts so that a leak tells where it came from.
enum Canary {
    static let password = "correct-horse/battery+staple"
    static let apiKey = "fp_live_9f86d081884c7d659a2feaa0c55ad015"
    static let clientSecret = "s3cr3t/of+the=PDP-oauth-client"
}

let passwordCredentials = FactPulseCredentials.password(email: "ops@example.test", Secret(Canary.password))

/// A client against a stub. It speaks with an API key unless told otherwise, so that no login is in the way.
func withClient<Result>(
    _ url: String,
    _ credentials: FactPulseCredentials = .apiKey(Secret(Canary.apiKey)),
    gate: any RequestGate = OpenGate(),
    logger: Logger = Logger(label: "test"),
    configure: (inout FactPulseConfiguration) -> Void = { _ in },
    _ body: (FactPulseClient) async throws -> Result
) async throws -> Result {
    var configuration = try FactPulseConfiguration(baseURL: url, credentials: credentials, allowInsecureHTTP: true)
    configure(&configuration)
    let client = FactPulseClient(configuration, gate: gate, logger: logger)
    do {
        let result = try await body(client)
        try await client.shutdown()
        return result
    } catch {
        try await client.shutdown()
        throw error
    }
}

/// A client and the stub it talks to.
func withStub<Result>(
    _ handler: @escaping StubServer.Handler,
    _ credentials: FactPulseCredentials = .apiKey(Secret(Canary.apiKey)),
    gate: any RequestGate = OpenGate(),
    configure: (inout FactPulseConfiguration) -> Void = { _ in },
    _ body: (FactPulseClient, StubServer) async throws -> Result
) async throws -> Result {
    let server = try StubServer(handler)
    defer { server.stop() }
    return try await withClient(server.url, credentials, gate: gate, configure: configure) { client in
        try await body(client, server)
    }
}

/// What a call throws.
func failure<Answer>(_ call: () async throws(FactPulseError) -> Answer) async -> FactPulseError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}

/// One call of every operation on the API (tokens apart).
@discardableResult
func perform(_ operation: FactPulse.Operation, on client: FactPulseClient) async throws(FactPulseError) -> any Sendable
{
    let one = client.client(uid)
    return switch operation {
    case .listClients: try await client.account.listClients(page: 2, pageSize: 50)
    case .createClient: try await client.account.createClient(ClientCreateRequest(name: "Dupont & Fils"))
    case .getClient: try await one.get()
    case .updateClient: try await one.update(ClientUpdateRequest(name: .set("Dupont"), siret: .clear))
    case .activateClient: try await one.activate()
    case .deactivateClient: try await one.deactivate()
    case .getPDPConfig: try await one.pdpConfig()
    case .updatePDPConfig: try await one.updatePDPConfig(pdpRequest, encryptionKey: newKey)
    case .rotateEncryptionKey: try await one.rotateEncryptionKey(from: oldKey, to: newKey)
    case .generateWebhookSecret: try await one.generateWebhookSecret()
    case .getWebhookSecretStatus: try await one.webhookSecretStatus()
    case .deleteWebhookSecret: try await one.deleteWebhookSecret()
    case .me: try await client.account.me()
    case .token, .refreshToken: fatalError("not a call")
    }
}

let calls = FactPulse.Operation.allCases.filter { $0 != .token && $0 != .refreshToken }
let readCalls = calls.filter(\.isRead)
let writeCalls = calls.filter { !$0.isRead }

let pdpRequest = PDPConfigUpdateRequest(
    flowServiceUrl: "https://pdp.example.test/flow",
    tokenUrl: "https://pdp.example.test/token",
    oauthClientId: "oauth-42",
    clientSecret: Secret(Canary.clientSecret),
    encryptionMode: .double
)

/// What a well-behaved server answers.
func goodBody(_ operation: FactPulse.Operation) -> String {
    let client = """
        {"uid":"\(uid)","name":"Dupont","siret":"73282932000074","description":null,"isActive":true,\
        "hasConfigPdp":false,"pdpIsActive":null,"hasConfigChorus":false,\
        "createdAt":"2026-03-01T12:00:00.123456Z","updatedAt":"2026-03-01T13:00:00+01:00","new":{"a":[1]}}
        """
    return switch operation {
    case .listClients: #"{"results":[\#(client)],"total":101,"page":2,"pageSize":50}"#
    case .createClient, .getClient, .updateClient: client
    case .activateClient, .deactivateClient: #"{"uid":"\#(uid)","isActive":true,"message":"ok"}"#
    case .getPDPConfig, .updatePDPConfig: #"{"isConfigured":false,"message":"none"}"#
    case .rotateEncryptionKey: #"{"success":true,"message":"ok","rotatedCount":1,"partialErrors":null}"#
    case .generateWebhookSecret:
        #"{"success":true,"webhookSecret":"whsec","message":"ok","createdAt":"2026-03-01T12:00:00"}"#
    case .getWebhookSecretStatus: #"{"hasSecret":false}"#
    case .deleteWebhookSecret: #"{"success":true,"message":"gone"}"#
    case .me: #"{"username":"ops","email":"ops@example.test","quota_info":{"limit":1000,"usage":"many"}}"#
    case .token, .refreshToken: #"{"access":"tok","refresh":"ref"}"#
    }
}

/// Answers token requests with `token-1`, `token-2`, … and hands the rest to `handler`.
func loggingIn(_ handler: @escaping StubServer.Handler) -> StubServer.Handler {
    let count = Counter()
    return { request in
        guard request.path.hasPrefix("/api/token/") else { return handler(request) }
        return StubAction.answer(200, #"{"access":"access-token-\#(count.next())"}"#)
    }
}

/// Counts from 1, from any thread.
final class Counter: Sendable {
    private let value = Atomic(0)
    func next() -> Int { value.add(1, ordering: .sequentiallyConsistent).newValue }
    var current: Int { value.load(ordering: .sequentiallyConsistent) }
}
