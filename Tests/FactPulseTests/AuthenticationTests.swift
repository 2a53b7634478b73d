import FactPulse
import Synchronization
import Testing

struct AuthenticationTests {
    @Test(arguments: calls) func `a 401 renews the token and sends the request once more`(
        operation: FactPulse.Operation
    ) async throws {
        let handler: StubServer.Handler = loggingIn { request in
            request.headers["authorization"] == "Bearer access-token-1"
                ? StubAction.answer(401, #"{"detail":"Token expired"}"#) : StubAction.answer(200, goodBody(operation))
        }
        try await withStub(handler, passwordCredentials) { client, server in
            try await perform(operation, on: client)
            #expect(server.calls.count == 2 && server.logins.count == 2)
            #expect(server.calls.last?.headers["authorization"] == "Bearer access-token-2")
        }
    }

    @Test(arguments: calls) func `a second 401 is the answer`(operation: FactPulse.Operation) async throws {
        try await withStub(loggingIn { _ in StubAction.answer(401) }, passwordCredentials) { client, server in
            let error = await failure { () async throws(FactPulseError) in try await perform(operation, on: client) }
            #expect(error?.outcome == .unauthorized)
            #expect(server.calls.count == 2 && server.logins.count == 2)
        }
    }

    @Test func `with an API key a 401 is the answer at once`() async throws {
        try await withStub({ _ in StubAction.answer(401) }) { client, server in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.outcome == .unauthorized)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a 401 with a good answer uncertain afterwards stays uncertain`() async throws {
        let handler: StubServer.Handler = loggingIn { request in
            request.headers["authorization"] == "Bearer access-token-1" ? StubAction.answer(401) : [.reset]
        }
        try await withStub(handler, passwordCredentials) { client, server in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == .uncertain(.connectionLost))
            #expect(server.calls.count == 2)
        }
    }

    @Test func `fifty calls at once log in once`() async throws {
        let started = Counter()
        let latch = Latch()
        let handler: StubServer.Handler = { request in
            request.path == "/api/token/"
                ? [.wait(latch)] + StubAction.answer(200, goodBody(.token))
                : StubAction.answer(200, goodBody(.getClient))
        }
        try await withStub(handler, passwordCredentials) { client, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        _ = started.next()
                        _ = try await client.client(uid).get()
                    }
                }
                while started.current < 50 { await Task.yield() }
                latch.open()
                try await group.waitForAll()
            }
            #expect(server.logins.count == 1 && server.calls.count == 50)
        }
    }

    @Test func `an old token is renewed with its refresh token, and with the password when that is refused`()
        async throws
    {
        let refreshes = Counter()
        let handler: StubServer.Handler = { request in
            switch request.path {
            case "/api/token/":
                return StubAction.answer(200, #"{"access":"old","refresh":"ref-1","access_lifetime":1e-9}"#)
            case "/api/token/refresh/":
                return refreshes.next() == 1
                    ? StubAction.answer(200, #"{"access":"newer","access_lifetime":1e-9}"#) : StubAction.answer(401)
            default:
                return StubAction.answer(200, goodBody(.getClient))
            }
        }
        try await withStub(handler, passwordCredentials) { client, server in
            for _ in 0..<3 { _ = try await client.client(uid).get() }
            let tokens = server.requests.filter { $0.path.hasPrefix("/api/token/") }
            let refresh = "/api/token/refresh/"
            #expect(tokens.map(\.path) == ["/api/token/", refresh, refresh, "/api/token/"])
            #expect(tokens[1].json["refresh"] as? String == "ref-1" && tokens[1].json.count == 1)
            #expect(tokens[2].json["refresh"] as? String == "ref-1", "an answer without a new one keeps the old one")
        }
    }

    @Test(arguments: [
        (400, Outcome.credentialsRefused), (401, .credentialsRefused), (403, .notSent(.tokenUnavailable)),
        (404, .notSent(.tokenUnavailable)), (301, .notSent(.tokenUnavailable)), (500, .notSent(.tokenUnavailable)),
        (503, .notSent(.tokenUnavailable)), (429, .throttled(retryAfter: .seconds(4))),
    ]) func `a login that fails leaves the call not executed, and says why`(
        status: Int,
        outcome: Outcome
    ) async throws {
        let handler: StubServer.Handler = { _ in
            StubAction.answer(status, #"{"detail":"no"}"#, headers: ["Retry-After: 4"])
        }
        try await withStub(handler, passwordCredentials) { client, server in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == outcome)
            #expect(error?.operation == .createClient && error?.status == status && error?.message == "no")
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        arguments: ["{}", #"{"access":""}"#, #"{"access":null}"#, "<html>", ""]
    ) func `a login whose answer holds no token leaves the call not sent`(
        body: String
    ) async throws {
        try await withStub({ _ in StubAction.answer(200, body) }, passwordCredentials) { client, _ in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == .notSent(.tokenUnavailable))
        }
    }

    @Test func `a login that hangs ends with its own timeout, and the call was not sent`() async throws {
        let configure: (inout FactPulseConfiguration) -> Void = { $0.tokenTimeout = .seconds(1) }
        try await withStub({ _ in [.hang] }, passwordCredentials, configure: configure) { client, _ in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            #expect(error?.outcome == .notSent(.tokenUnavailable))
        }
    }

    @Test func `after three refused logins none is tried, so that the account is not locked`() async throws {
        try await withStub({ _ in StubAction.answer(401) }, passwordCredentials) { client, server in
            for _ in 0..<10 {
                let error = await failure { () async throws(FactPulseError) in
                    try await perform(.createClient, on: client)
                }
                #expect(error?.outcome == .credentialsRefused)
            }
            #expect(server.logins.count == 3)
        }
    }

    @Test(
        arguments: [400, 401, 404, 403]
    ) func `clients that are not ours are refused, and never look like a wrong password`(
        status: Int
    ) async throws {
        let handler: StubServer.Handler = { request in
            let isClient = request.json["client_uid"] != nil
            return isClient ? StubAction.answer(status) : StubAction.answer(200, goodBody(.token))
        }
        try await withStub(handler, passwordCredentials) { client, server in
            for _ in 0..<10 {
                let error = await failure { () async throws(FactPulseError) in
                    try await perform(.getClient, on: client)
                }
                #expect(error?.outcome == .refused(status: status))
            }
            let isInDoubt = status == 400 || status == 401
            #expect(server.logins.count == (isInDoubt ? 20 : 10), "only where in doubt the account's login tells")
        }
    }

    @Test(arguments: [
        (401, Outcome.credentialsRefused), (503, .notSent(.tokenUnavailable)), (403, .notSent(.tokenUnavailable)),
        (429, .throttled(retryAfter: nil)),
    ]) func `a refused login for a client blames the client only when the account's own login works`(
        status: Int,
        outcome: Outcome
    ) async throws {
        let handler: StubServer.Handler = { request in
            StubAction.answer(request.json["client_uid"] != nil ? 401 : status)
        }
        try await withStub(handler, passwordCredentials) { client, _ in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.outcome == outcome)
        }
    }

    /// Who wrote down when the first sending began must know when the last one has ended.
    @Test func `a login after a 401 that eats up the request's time leaves the request unsent`() async throws {
        let latch = Latch()
        let logins = Counter()
        let handler: StubServer.Handler = { request in
            guard request.path == "/api/token/" else { return StubAction.answer(401) }
            let answer = StubAction.answer(200, goodBody(.token))
            return logins.next() == 1 ? answer : [.wait(latch)] + answer
        }
        let configure: (inout FactPulseConfiguration) -> Void = { $0.requestTimeout = .seconds(3) }
        try await withStub(handler, passwordCredentials, configure: configure) { client, server in
            async let error = failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            var arrived = 0
            for await request in server.arrivals {
                arrived += request.path == "/api/token/" ? 1 : 0
                if arrived == 2 { break }
            }
            try await Task.sleep(for: .seconds(3))
            latch.open()
            #expect(await error?.outcome == .notSent(.timeout))
            #expect(server.calls.count == 1)
        }
    }

    @Test func `a token with a line break is not sent`() async throws {
        let handler: StubServer.Handler = { request in
            request.path == "/api/token/"
                ? StubAction.answer(200, #"{"access":"evil\r\nX-Other: 1"}"#) : StubAction.answer(200)
        }
        try await withStub(handler, passwordCredentials) { client, server in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.outcome == .notSent(.invalidRequest))
            #expect(server.calls.isEmpty)
        }
    }
}
