import Foundation
import Testing

@testable import FactPulse

/// What becomes of every kind of answer, over real sockets.
struct AnswerTests {
    static let statuses = [
        301, 302, 303, 307, 308, 400, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429, 500, 501, 502, 503,
        504, 599,
    ]

    @Test(arguments: statuses) func `every status of every operation has its class, and is sent once`(
        status: Int
    ) async throws {
        let handler: StubServer.Handler = { _ in
            StubAction.answer(status, #"{"detail":"because"}"#, headers: ["Location: /elsewhere"])
        }
        try await withStub(handler) { client, server in
            for (number, operation) in calls.enumerated() {
                let error = await failure { () async throws(FactPulseError) in try await perform(operation, on: client)
                }
                let observation = Observation.answer(status: status, retryAfter: nil, body: .complete)
                #expect(error?.outcome == classify(operation, observation))
                #expect(error?.status == status && error?.message == "because")
                #expect(server.requests.count == number + 1, "never sent twice, no redirect followed")
            }
        }
    }

    @Test(arguments: [
        "", "{", "null", "[]", "<html>ok</html>", #"{"uid":"x"}"#, #"{"uid":"not-a-uuid","name":"A"}"#,
        String(goodBody(.createClient).dropLast(5)), goodBody(.createClient).replacing("2026-03", with: "2026-13"),
    ]) func `a creation whose answer cannot be read is uncertain`(body: String) async throws {
        try await withStub({ _ in StubAction.answer(201, body) }) { client, server in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == .uncertain(.unreadable))
            #expect(error?.status == 201 && error?.isWorthRetrying == false)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `an answer that is too long is not read`() async throws {
        let body = goodBody(.createClient) + String(repeating: " ", count: 100_000)
        try await withStub({ _ in StubAction.answer(201, body) }, configure: { $0.maximumBodyBytes = 50_000 }) {
            client,
            _ in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == .uncertain(.tooLarge))
        }
    }

    @Test func `an endless error page does not hide its status`() async throws {
        let body = String(repeating: "x", count: 100_000)
        try await withStub({ _ in StubAction.answer(404, body) }, configure: { $0.maximumBodyBytes = 50_000 }) {
            client,
            _ in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.outcome == .refused(status: 404))
        }
    }

    @Test(
        arguments: [
            (["Retry-After: 7"], "{}", Duration.seconds(7)),
            ([], #"{"detail":"Expected available in 30 seconds."}"#, .seconds(30)),
            ([], "{}", nil), (["Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"], "{}", nil),
        ] as [([String], String, Duration?)]
    ) func `a 429 tells the gate how long to stay away, and takes nothing else`(
        headers: [String],
        body: String,
        wait: Duration?
    ) async throws {
        let gate = RecordingGate()
        try await withStub({ _ in StubAction.answer(429, body, headers: headers) }, gate: gate) { client, server in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == .throttled(retryAfter: wait))
            #expect(error?.retryAfter == wait && error?.isWorthRetrying == true)
            #expect(server.requests.count == 1)
        }
        #expect(gate.events == [.admitted, .throttled(wait)])
    }

    @Test func `a redirect is not followed, and no credential goes elsewhere`() async throws {
        try await withStub({ _ in StubAction.answer(200, goodBody(.getClient)) }) { _, elsewhere in
            let location = "Location: \(elsewhere.url)/api/v1/clients"
            try await withStub({ _ in StubAction.answer(307, headers: [location]) }) { client, server in
                let error = await failure { () async throws(FactPulseError) in
                    try await perform(.createClient, on: client)
                }
                #expect(error?.outcome == .refused(status: 307))
                #expect(server.requests.count == 1)
            }
            #expect(elsewhere.requests.isEmpty)
        }
    }

    @Test func `a host that keeps failing is left alone, and that is not an answer of the host`() async throws {
        try await withStub({ _ in StubAction.answer(503) }) { client, server in
            #expect(client.closedFor == nil)
            for _ in 0..<25 {
                _ = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            }
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            guard case .notSent(.breakerOpen(let wait)) = error?.outcome else {
                Issue.record("expected an open breaker, got \(String(describing: error))")
                return
            }
            #expect(wait > .seconds(20) && wait <= .seconds(30))
            #expect((client.closedFor ?? .zero) > .seconds(20))
            #expect(error?.isWorthRetrying == true)
            #expect(server.requests.count == 20)
        }
    }
}
