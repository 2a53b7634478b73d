import FactPulse
import Synchronization
import Testing

struct GuardTests {
    struct LeaseLost: Error {}

    @Test(arguments: calls) func `what the check refuses is not sent, and its error comes back`(
        operation: FactPulse.Operation
    ) async throws {
        try await withStub({ _ in StubAction.answer(200, goodBody(operation)) }) { client, server in
            let guarded = client.guarded { throw LeaseLost() }
            let error = await failure { () async throws(FactPulseError) in try await perform(operation, on: guarded) }
            #expect(error?.outcome == .notSent(.guardRefused))
            #expect(error?.guardError is LeaseLost && error?.isWorthRetrying == false)
            #expect(server.requests.isEmpty, "no complete request arrived")

            try await perform(operation, on: client.guarded {})
            #expect(server.requests.count == 1)
        }
    }

    @Test func `the check is asked for each sending, and not for a login`() async throws {
        let count = Counter()
        let handler: StubServer.Handler = loggingIn { request in
            request.headers["authorization"] == "Bearer access-token-1"
                ? StubAction.answer(401) : StubAction.answer(201, goodBody(.createClient))
        }
        try await withStub(handler, passwordCredentials) { client, server in
            try await perform(.createClient, on: client.guarded { _ = count.next() })
            #expect(server.calls.count == 2 && count.current == 2)
        }
    }

    @Test func `a check that takes too long ends with the timeout, and nothing was sent`() async throws {
        let (hold, release) = AsyncStream.makeStream(of: Void.self)
        defer { release.finish() }
        let configure: (inout FactPulseConfiguration) -> Void = { $0.requestTimeout = .milliseconds(300) }
        try await withStub({ _ in StubAction.answer(201) }, configure: configure) { client, server in
            let guarded = client.guarded { for await _ in hold {} }
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: guarded)
            }
            #expect(error?.outcome == .notSent(.timeout))
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: calls) func `a closed gate is not sent, and says when to come back`(
        operation: FactPulse.Operation
    ) async throws {
        let gate = RecordingGate(closed: RequestGateClosed(retryAfter: .seconds(9), reason: "full"))
        try await withStub({ _ in [.close] }, gate: gate) { client, server in
            let error = await failure { () async throws(FactPulseError) in try await perform(operation, on: client) }
            #expect(error?.outcome == .notSent(.gateClosed(retryAfter: .seconds(9), reason: "full")))
            #expect(error?.retryAfter == .seconds(9) && error?.isWorthRetrying == true)
            #expect(server.connections == 0)
        }
    }

    @Test func `every request takes one permit, the login's included, and an admission takes it beforehand`()
        async throws
    {
        let gate = RecordingGate()
        let handler: StubServer.Handler = loggingIn { _ in StubAction.answer(201, goodBody(.createClient)) }
        try await withStub(handler, passwordCredentials, gate: gate) { client, server in
            let admission = try await client.account.admit()
            #expect(gate.events == [.admitted, .succeeded, .admitted])
            #expect(server.calls.isEmpty && server.logins.count == 1)

            let request = ClientCreateRequest(name: "A")
            _ = try await client.account.createClient(request, admission: admission)
            #expect(gate.events == [.admitted, .succeeded, .admitted, .succeeded], "no second permit, no second login")

            _ = try await client.account.createClient(request)
            #expect(gate.events.filter { $0 == .admitted }.count == 3)
        }
    }

    @Test func `an admission of another scope is refused before anything is sent`() async throws {
        try await withStub(loggingIn { _ in StubAction.answer(200) }, passwordCredentials) { client, server in
            let admission = try await client.account.admit()
            let error = await failure { () async throws(FactPulseError) in
                try await client.client(uid).activate(admission: admission)
            }
            #expect(error?.outcome == .notSent(.invalidRequest))
            #expect(server.calls.isEmpty)
        }
    }
}
