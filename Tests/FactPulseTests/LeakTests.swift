import FactPulse
import Foundation
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

    /// Looks for every piece of 12 characters of every secret in every way to print the error.
    private func scan(_ error: FactPulseError, for secrets: [String]) throws {
        var dumped = ""
        dump(error, to: &dumped)
        for text in ["\(error)", String(reflecting: error), dumped, error.localizedDescription, error.label] {
            for secret in secrets {
                let forms = [secret, secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? secret]
                for form in forms.map(Array.init) {
                    for start in 0...(form.count - 12) {
                        let piece = String(form[start..<start + 12])
                        #expect(!text.contains(piece), "\(text) shows a piece of a secret")
                    }
                }
            }
        }
    }
}
