import Foundation
import NIOHTTP1

/// What a server answered to a request without credentials: it is there, and what time it has.
package struct Greeting: Sendable {
    /// Usually 401: it wants credentials.
    package let status: Int
    package let roundTrip: Duration
    /// How far the server's clock is ahead of this host's, to a second; `nil` when it does not tell the time.
    package let clockOffset: Duration?
}

extension FactPulseClient {
    /// Asks for no more than an answer, without credentials, past the gate.
    /// - Throws: ``FactPulseError`` when none came.
    package func greet() async throws(FactPulseError) -> Greeting {
        try await session.greet()
    }
}

extension Wire {
    func greet() async throws(FactPulseError) -> Greeting {
        let noBody: Never? = nil
        let request = try request(.me, .account, body: noBody, secrets: [])
        let (begin, start) = (Date.now, ContinuousClock.now)
        let exchange = await transport.exchange(request, timeout: configuration.requestTimeout, check: nil)
        guard case .answer(let status, _, _) = exchange.observation else {
            var error = FactPulseError(.me, classify(.me, exchange.observation) ?? .notSent(.unreachable))
            error.detail = exchange.detail
            throw error
        }
        let roundTrip = ContinuousClock.now - start
        let offset = exchange.headers.first(name: "Date").flatMap(HTTPDate.read).map { date in
            // The header has whole seconds: on average half a second is cut off.
            Duration.seconds(date.timeIntervalSince(begin) + 0.5) - roundTrip / 2
        }
        return Greeting(status: status, roundTrip: roundTrip, clockOffset: offset)
    }
}
