import FactPulse
import Foundation
import Sandbox
import TestSupport
import Testing

/// No secret of a request may come back in an error, however the server quotes it.
struct LeakTests {
    /// Servers that quote all they were sent, in each shape of error.
    static let echoes: [(String, @Sendable (String) -> String)] = [
        ("detail", { #"{"detail":"got \#($0)"}"# }),
        (
            "fields",
            { #"{"detail":[{"loc":["body","\#($0)"],"msg":"bad \#($0)","input":"\#($0)","ctx":{"a":"\#($0)"}}]}"# }
        ),
        ("code", { #"{"errorCode":"\#($0)","errorMessage":"\#($0)"}"# }),
        ("named fields", { #"{"password":["\#($0)"]}"# }),
        ("text", { "we got \($0)" }),
        ("escaped", { #"{"message":"\#($0.replacing("/", with: #"\/"#))"}"# }),
        ("percent", { #"{"error":"\#($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"}"# }),
    ]

    @Test(arguments: calls, echoes) func `no error shows a secret, whatever the server quotes`(
        operation: FactPulse.Operation,
        echo: (String, @Sendable (String) -> String)
    ) async throws {
        let secrets = [
            Canary.password, Canary.apiKey, Canary.clientSecret, oldKey.base64.reveal, newKey.base64.reveal,
            "access-token-1",
        ]
        for credentials in [passwordCredentials, .apiKey(Secret(Canary.apiKey))] {
            let handler: StubServer.Handler = loggingIn { request in
                let sent = (request.headers.values + [request.body]).joined(separator: " ")
                let quoted = secrets.filter { sent.contains($0) }.joined(separator: " ")
                return StubAction.answer(422, echo.1(quoted))
            }
            try await withStub(handler, credentials) { client, _ in
                let error = await failure { () async throws(FactPulseError) in
                    try await perform(operation, on: client)
                }
                try scan(#require(error), for: secrets)
            }
        }
    }

    @Test(arguments: echoes) func `no failed login shows the password`(
        echo: (String, @Sendable (String) -> String)
    ) async throws {
        let handler: StubServer.Handler = { _ in StubAction.answer(401, echo.1(Canary.password)) }
        try await withStub(handler, passwordCredentials) { client, _ in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            try scan(#require(error), for: [Canary.password])
        }
    }

    @Test func `a rotation's own words show no key`() async throws {
        let words = "old \(oldKey.base64.reveal) new \(newKey.base64.reveal)"
        let body = #"{"success":false,"message":"\#(words)","rotatedCount":0,"partialErrors":["\#(words)"]}"#
        try await withStub({ _ in StubAction.answer(200, body) }) { client, _ in
            let answer = try await client.client(uid).rotateEncryptionKey(from: oldKey, to: newKey)
            #expect(answer.message == "old <redacted> new <redacted>")
            #expect(answer.partialErrors == ["old <redacted> new <redacted>"])
        }
    }

    @Test func `a description has no words of the server, for they may quote a customer`() async throws {
        try await withStub({ _ in StubAction.answer(422, #"{"detail":"SIRET of Madame Dupont"}"#) }) { client, _ in
            let error = try #require(
                await failure { () async throws(FactPulseError) in try await perform(.createClient, on: client) }
            )
            #expect(!error.description.contains("Dupont") && error.description.contains("422"))
            #expect(error.debugDescription.contains("Dupont") && error.message == "SIRET of Madame Dupont")
        }
    }

    @Test func `an answer shows no secret that it was asked with or that it brings`() async throws {
        let words = "kept \(Canary.clientSecret) under \(newKey.base64.reveal)"
        let config = #"""
            {"isConfigured":true,"message":"\#(words)","lastTestError":"\#(words)",
            "secretStatus":{"status":"active","message":"\#(words)"}}
            """#
        let secret = "whsec_\(String(repeating: "0a1b", count: 12))"
        let webhook = #"""
            {"success":true,"webhookSecret":"\#(secret)","message":"use \#(secret)","createdAt":"2026-03-01T12:00:00"}
            """#
        let handler: StubServer.Handler = { request in
            StubAction.answer(200, request.path.hasSuffix("generate") ? webhook : config)
        }
        try await withStub(handler) { client, _ in
            let scan = LeakScan([secret, Canary.clientSecret, newKey.base64.reveal])
            for operation in [FactPulse.Operation.updatePDPConfig, .generateWebhookSecret] {
                let answer = try await perform(operation, on: client)
                for text in LeakScan.prints(of: answer) { #expect(!scan.finds(in: text), "\(operation): \(text)") }
            }
            let answer = try await client.client(uid).generateWebhookSecret()
            #expect(answer.webhookSecret == Secret(secret) && answer.message == "use <redacted>")
        }
    }

    /// What goes wrong, and for which requests.
    static let faults: [FaultRule] = ["api", "token"].flatMap { target in
        FaultRule.Kind.allCases.flatMap { kind -> [FaultRule] in
            let isTied = kind == .emptyPage || kind == .splitRotation
            let operation = kind == .emptyPage ? "listClients" : kind == .splitRotation ? "rotateEncryptionKey" : target
            if isTied, target == "token" { return [] }
            let shapes = kind == .errorShape ? ErrorShape.allCases : [.C]
            return shapes.map { shape in
                FaultRule(kind, on: operation) {
                    ($0.shape, $0.echoes, $0.milliseconds, $0.burst, $0.perSecond) = (shape, true, 10, 1, 1)
                }
            }
        }
    }

    @Test(arguments: faults) func `nothing that is printed or logged shows a secret, whatever goes wrong`(
        fault: FaultRule
    ) async throws {
        var configuration = SandboxConfiguration(faults: [fault])
        (configuration.password, configuration.options.apiKey) = (Canary.password, Canary.apiKey)
        (configuration.options.remembersSecrets, configuration.options.partialRotation) = (true, .splits)
        try await SandboxServer.withServer(configuration) { server in
            await server.world.seedClients([SandboxClient(uid: uid.text, name: "Dupont")])
            let capture = LogCapture()
            let password = FactPulseCredentials.password(email: configuration.email, Secret(Canary.password))
            var printed: [String] = []
            for credentials in [password, .apiKey(Secret(Canary.apiKey))] {
                printed += LeakScan.prints(of: credentials)
                try await withClient(server.url, credentials, logger: capture.logger) { client in
                    printed += LeakScan.prints(of: client) + (await results(of: client))
                }
            }
            let secrets = await server.world.secrets.union([
                Canary.password, Canary.apiKey, Canary.clientSecret, oldKey.base64.reveal, newKey.base64.reveal,
            ])
            let scan = LeakScan(secrets)
            #expect(capture.lines.count >= calls.count)
            for text in printed + capture.lines { #expect(!scan.finds(in: text), "\(text)") }
        }
    }

    /// Every call's answer or error, and an admission, in every way to print them.
    private func results(of client: FactPulseClient) async -> [String] {
        var printed: [String] = []
        func note<Answer>(_ call: () async throws(FactPulseError) -> Answer) async {
            do {
                printed += LeakScan.prints(of: try await call())
            } catch {
                printed += LeakScan.prints(of: error) + [error.message ?? "", error.label]
            }
        }
        for operation in calls {
            await note { () async throws(FactPulseError) in try await perform(operation, on: client) }
        }
        await note { () async throws(FactPulseError) in
            try await client.client(uid).rotateEncryptionKey(from: newKey, to: oldKey)
        }
        await note { () async throws(FactPulseError) in try await client.account.admit() }
        return printed
    }

    /// Looks for every piece of every secret in every way to print the error.
    private func scan(_ error: FactPulseError, for secrets: [String]) throws {
        let scan = LeakScan(secrets)
        for text in LeakScan.prints(of: error) + [error.label, error.message ?? ""] {
            #expect(!scan.finds(in: text), "\(text) shows a piece of a secret")
        }
    }
}
