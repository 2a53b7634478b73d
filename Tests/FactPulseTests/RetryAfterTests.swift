import Foundation
import Testing

@testable import FactPulse

struct RetryAfterTests {
    static let now = Date(timeIntervalSince1970: 784_111_767)  // 1994-11-06T08:49:27Z

    @Test(arguments: [
        ("7", Duration.seconds(7)), (" 12 ", .seconds(12)), ("1.5", .milliseconds(1500)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(10)), ("Sunday, 06-Nov-94 08:49:37 GMT", .seconds(10)),
        ("Sun Nov  6 08:49:37 1994", .seconds(10)),
        ("999999999999", .seconds(3600)), ("Fri, 06 Nov 2094 08:49:37 GMT", .seconds(3600)),
    ]) func `seconds and every form of HTTP date are read, and no server stops us for longer than an hour`(
        header: String,
        wait: Duration
    ) {
        #expect(RetryAfter.read(header: header, message: nil, now: Self.now) == wait)
    }

    @Test(arguments: ["", "soon", "0", "-5", "nan", "inf", "2026-03-01", "Sun, 06 Nov 1994 08:00:00 GMT"])
    func `what is no time to come is no answer`(
        header: String
    ) {
        #expect(RetryAfter.read(header: header, message: nil, now: Self.now) == nil)
    }

    @Test func `a date is read by the clock of the server that wrote it`() async throws {
        let headers = ["Date: Sun, 06 Nov 1994 08:49:27 GMT", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"]
        try await withStub({ _ in StubAction.answer(429, headers: headers) }) { client, _ in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.retryAfter == .seconds(10))
        }
    }

    @Test func `a 503 is uncertain, and says how long to wait before looking`() async throws {
        try await withStub({ _ in StubAction.answer(503, headers: ["Retry-After: 7"]) }) { client, _ in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.outcome == .uncertain(.serverError(status: 503)) && error?.retryAfter == .seconds(7))
        }
        let handler: StubServer.Handler = { _ in StubAction.answer(503, headers: ["Retry-After: 7"]) }
        try await withStub(handler, passwordCredentials) { client, _ in
            let error = await failure { () async throws(FactPulseError) in try await perform(.getClient, on: client) }
            #expect(error?.outcome == .notSent(.tokenUnavailable) && error?.retryAfter == .seconds(7))
        }
    }

    @Test func `Django's sentence counts when there is no header`() {
        let text = "Request was throttled. Expected available in 42 seconds."
        #expect(RetryAfter.read(header: nil, message: text, now: Self.now) == .seconds(42))
        #expect(RetryAfter.read(header: "3", message: text, now: Self.now) == .seconds(3))
        #expect(RetryAfter.read(header: nil, message: "available in 1 second", now: Self.now) == .seconds(1))
    }
}
