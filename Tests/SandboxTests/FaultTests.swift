import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Sandbox
import Testing

// A late commit that never comes would otherwise be waited for without end.
@Suite(.timeLimit(.minutes(2))) struct FaultTests {
    static let body: JSONValue = ["name": "A", "siret": "12345678901234"]

    private func create(_ api: Conversation, timeout: TimeAmount = .seconds(20)) async throws -> Conversation.Reply {
        try await api.send(.POST, "/api/v1/clients", Self.body, token: api.token(), timeout: timeout)
    }

    @Test(arguments: [500, 502, 503, 504]) func `a status before the effect leaves nothing behind`(_ status: Int)
        async throws
    {
        try await withSandbox(faults: FaultRule(.status, on: "createClient", status: status)) { api async throws in
            #expect(try await create(api).status == status)
            #expect(await api.world.report().clients == 0)
        }
    }

    @Test func `a status after the effect hides a client that exists`() async throws {
        try await withSandbox(faults: FaultRule(.statusAfter, on: "createClient")) { api async throws in
            #expect(try await create(api).status == 502)
            #expect(await api.world.report().clients == 1)
        }
    }

    static let cuts = [(FaultRule.Kind.cutBefore, 0), (.cutAfter, 1)]

    @Test(arguments: cuts) func `a cut connection carries not one byte of an answer`(
        _ kind: FaultRule.Kind,
        _ clients: Int
    ) async throws {
        try await withSandbox(faults: FaultRule(kind, on: "createClient")) { api async throws in
            let token = try await api.token()
            let body = #"{"name":"A"}"#
            let port = try #require(URL(string: api.server.url)?.port)
            let received = try await Wire.exchange(
                port: port,
                """
                POST /api/v1/clients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r
                Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
                """
            )
            #expect(received == "")
            let report = await api.world.report()
            #expect(report.clients == clients)
            #expect(report.byOperation["createClient"]?.statuses == ["cut": 1])
            await #expect(throws: (any Error).self) { try await create(api) }
        }
    }

    @Test func `an answer that breaks off inside has its head, half its body and its effect`() async throws {
        try await withSandbox(faults: FaultRule(.cutInside, on: "createClient")) { api async throws in
            let token = try await api.token()
            let body = #"{"name":"A"}"#
            let received = try await Wire.exchange(
                port: try #require(URL(string: api.server.url)?.port),
                """
                POST /api/v1/clients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r
                Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
                """
            )
            let parts = received.components(separatedBy: "\r\n\r\n")
            #expect(parts.count == 2 && parts[0].hasPrefix("HTTP/1.1 201"))
            let length = try #require(parts[0].firstMatch(of: /[Cc]ontent-[Ll]ength: ([0-9]+)/).flatMap { Int($0.1) })
            #expect(parts[1].utf8.count == length / 2 && parts[1].hasPrefix("{"))
            #expect(await api.world.report().clients == 1)
            #expect(await api.world.requests().last?.status == "cut")
        }
    }

    @Test func `an answer can have the wrong content type`() async throws {
        let rule = FaultRule(.wrongType, on: "createClient") { $0.contentType = "text/html" }
        try await withSandbox(faults: rule) { api async throws in
            let reply = try await create(api)
            #expect(reply.status == 201 && reply["name"] == "A" && reply.headers["content-type"] == ["text/html"])
        }
    }

    @Test func `a careless server quotes everything that it was sent`() async throws {
        let rule = FaultRule(.errorShape, on: "updatePDPConfig", status: 422) { ($0.shape, $0.echoes) = (.C, true) }
        try await withSandbox(faults: rule) { api async throws in
            let client = try await api.newClient()
            let reply = try await api.send(
                .PUT,
                client.path + "/pdp-config",
                pdpConfig(),
                token: client.token,
                headers: ["X-Encryption-Key": key(1)]
            )
            let words = try #require(reply["detail"]?["message"]?.text)
            #expect(words.contains("s3cret") && words.contains(key(1)) && words.contains(client.token))
        }
    }

    @Test func `a late commit happens after the caller's connection was closed`() async throws {
        let rule = FaultRule(.lateCommit, on: "createClient") { $0.delay = 1 }
        try await withSandbox(faults: rule) { api async throws in
            await #expect(throws: (any Error).self) { try await create(api) }
            #expect(await api.world.report().clients == 0)
            try await api.world.waitForEffects(1, of: .createClient)
            #expect(await api.world.report().clients == 1)
        }
    }

    @Test func `a late commit happens although the caller gave up`() async throws {
        let rule = FaultRule(.lateCommit, on: "createClient") { ($0.delay, $0.hold) = (1, 30) }
        try await withSandbox(faults: rule) { api async throws in
            await #expect(throws: (any Error).self) { try await create(api, timeout: .milliseconds(100)) }
            try await api.world.waitForEffects(1, of: .createClient)
        }
    }

    @Test func `a late commit can follow a 504`() async throws {
        let rule = FaultRule(.lateCommit, on: "createClient", status: 504) { $0.delay = 1 }
        try await withSandbox(faults: rule) { api async throws in
            #expect(try await create(api).status == 504)
            #expect(await api.world.report().clients == 0)
            try await api.world.waitForEffects(1, of: .createClient)
        }
    }

    static let throttles = [FaultRule.Kind.throttle, .rateLimit]

    @Test(arguments: throttles) func `a throttled request says how long to wait, in the form it is told`(
        _ kind: FaultRule.Kind
    ) async throws {
        // What a bucket asks for shrinks as time goes by.
        let wait: ClosedRange<Double> = kind == .throttle ? 68...130 : 900...1060
        for form in [FaultRule.RetryAfter.none, .seconds, .date] {
            let rule = FaultRule(kind, on: "createClient") {
                ($0.retryAfter, $0.retryAfterSeconds, $0.perSecond, $0.burst) = (form, 70, 0.001, 1)
                if kind == .throttle { $0.from = 2 }
            }
            try await withSandbox(faults: rule) { api async throws in
                #expect(try await create(api).status == 201)
                let sent = Date()
                let reply = try await create(api)
                #expect(reply.status == 429)
                let header = reply.headers["retry-after"].first
                switch form {
                case .none: #expect(header == nil)
                case .seconds: #expect(wait.contains(try #require(header.flatMap(Double.init))))
                case .date:
                    let formatter = DateFormatter()
                    formatter.locale = Locale(identifier: "en_US_POSIX")
                    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
                    let date = try #require(header.flatMap(formatter.date))
                    #expect(wait.contains(date.timeIntervalSince(sent)))
                }
                #expect(await api.world.report().clients == 1)
            }
        }
    }

    @Test func `the rate limit lets a burst through, counts what is beyond it, and refills`() async throws {
        let rule = FaultRule(.rateLimit, on: "me") { ($0.perSecond, $0.burst) = (0.001, 5) }
        try await withSandbox(faults: rule) { api async throws in
            let token = try await api.token()
            var statuses: [Int] = []
            for _ in 1...8 { statuses.append(try await api.send(.GET, "/api/v1/me", token: token).status) }
            #expect(statuses == [200, 200, 200, 200, 200, 429, 429, 429])
            #expect(await api.world.report().overLimit == 3)
            try await api.world.setFaults([FaultRule(.rateLimit, on: "me") { ($0.perSecond, $0.burst) = (1e6, 1) }])
            for _ in 1...5 { #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 200) }
        }
    }

    @Test func `latency delays the answer by at least what it says`() async throws {
        let rule = FaultRule(.latency, on: "me") { ($0.milliseconds, $0.maximumMilliseconds) = (1500, 1600) }
        try await withSandbox(faults: rule) { api async throws in
            let token = try await api.token()
            let elapsed = try await ContinuousClock().measure {
                _ = try await api.send(.GET, "/api/v1/me", token: token)
            }
            #expect(elapsed >= .milliseconds(1500))
        }
    }

    @Test func `a truncated answer is a success that does not parse, and the effect stands`() async throws {
        try await withSandbox(faults: FaultRule(.truncate, on: "createClient")) { api async throws in
            let reply = try await create(api)
            #expect(reply.status == 201 && reply.json == nil && reply.text.hasPrefix("{"))
            #expect(await api.world.report().clients == 1)
        }
    }

    @Test func `an answer that is not JSON is a success in HTML, and the effect stands`() async throws {
        try await withSandbox(faults: FaultRule(.notJSON, on: "createClient")) { api async throws in
            let reply = try await create(api)
            #expect(reply.status == 201 && reply.headers["content-type"] == ["text/html; charset=utf-8"])
            #expect(await api.world.report().clients == 1)
        }
    }

    @Test func `a slow body arrives whole, late`() async throws {
        let rule = FaultRule(.slowBody, on: "createClient") { $0.milliseconds = 1500 }
        try await withSandbox(faults: rule) { api async throws in
            let token = try await api.token()
            let start = ContinuousClock.now
            let reply = try await api.send(.POST, "/api/v1/clients", Self.body, token: token)
            #expect(ContinuousClock.now - start >= .milliseconds(1400))
            #expect(reply.status == 201 && reply["name"] == "A")
        }
    }

    @Test func `expired tokens are dead until the next login`() async throws {
        let rule = FaultRule(.expireTokens, on: "me") { $0.to = 1 }
        try await withSandbox(faults: rule) { api async throws in
            let token = try await api.token()
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 401)
            #expect(try await api.send(.GET, "/api/v1/me", token: token).status == 401)
            #expect(try await api.send(.GET, "/api/v1/me", token: api.token()).status == 200)
        }
    }

    @Test(arguments: ErrorShape.allCases) func `every error shape`(_ shape: ErrorShape) async throws {
        let rule = FaultRule(.errorShape, on: "createClient", status: 418) { $0.shape = shape }
        try await withSandbox(faults: rule) { api async throws in
            let reply = try await create(api)
            #expect(reply.status == 418)
            let shown =
                switch shape {
                case .A: reply["detail"]?.text != nil
                case .B: reply["detail"]?[0]?["loc"]?.items != nil
                case .C: reply["detail"]?["error"]?.text != nil
                case .D: reply["error"]?.text != nil && reply["message"]?.text != nil
                case .E: reply["errorCode"]?.text != nil && reply["details"]?[0]?["level"] == "Error"
                case .F: reply["errorCode"]?.text != nil && reply["details"]?.text != nil
                case .G: reply["detail"]?["errorMessage"]?.text != nil
                case .H: reply.json?.members.map { Array($0.keys) } == ["message"]
                case .I: reply.json == nil && reply.text.hasPrefix("<html>")
                case .J: reply["name"]?[0]?.text != nil
                }
            #expect(shown, "\(reply.text)")
            #expect(await api.world.report().clients == 0)
        }
    }

    @Test func `a window strikes the n-th matching request and no other`() async throws {
        let rule = FaultRule(.status, on: "me") { ($0.from, $0.to) = (2, 3) }
        try await withSandbox(faults: rule) { api async throws in
            let token = try await api.token()
            var statuses: [Int] = []
            for _ in 1...5 {
                _ = try await api.send(.GET, "/api/v1/clients", token: token)
                statuses.append(try await api.send(.GET, "/api/v1/me", token: token).status)
            }
            #expect(statuses == [200, 503, 503, 200, 200])
        }
    }

    @Test func `the same seed strikes the same requests, another seed others`() async throws {
        func pattern(seed: UInt64, between: Int) async throws -> [Int] {
            let rule = FaultRule(.status, on: "me") { $0.probability = 0.5 }
            return try await withSandbox(SandboxConfiguration(faults: [rule], seed: seed)) { api async throws in
                let token = try await api.token()
                var statuses: [Int] = []
                for _ in 1...64 {
                    for _ in 0..<between { _ = try await api.send(.GET, "/api/v1/clients", token: token) }
                    statuses.append(try await api.send(.GET, "/api/v1/me", token: token).status)
                }
                return statuses
            }
        }
        let first = try await pattern(seed: 7, between: 0)
        #expect(try await pattern(seed: 7, between: 1) == first)
        #expect(try await pattern(seed: 8, between: 0) != first)
        #expect((16...48).contains(first.filter { $0 == 503 }.count))
    }

    @Test func `creates under many kinds of trouble leave the ledger exact`() async throws {
        let trouble: [FaultRule] = [
            FaultRule(.cutAfter, on: "createClient") { $0.probability = 0.2 },
            FaultRule(.cutBefore, on: "createClient") { $0.probability = 0.2 },
            FaultRule(.statusAfter, on: "createClient") { $0.probability = 0.2 },
        ]
        try await withSandbox(SandboxConfiguration(faults: trouble, seed: 3)) { api async throws in
            let token = try await api.token()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let body: JSONValue = ["name": "A", "siret": .string(SandboxWorld.siret(number))]
                        // A cut connection is the point; the ledger tells what became of it.
                        _ = try? await api.send(.POST, "/api/v1/clients", body, token: token)
                    }
                }
            }
            let report = await api.world.report()
            let creates = try #require(report.byOperation["createClient"])
            let statuses = creates.statuses
            // On a busy machine some never find a free connection.
            #expect(creates.count > 100 && statuses.values.reduce(0, +) == creates.count)
            #expect(Set(statuses.keys) == ["201", "502", "cut"])
            #expect(report.clients == report.effects.count && report.duplicates.isEmpty)
            #expect(report.clients > statuses["201", default: 0] + statuses["502", default: 0])
            #expect(report.clients < creates.count)
        }
    }
}
