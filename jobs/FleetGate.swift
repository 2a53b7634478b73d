import FactPulse
import JobQueue
import Logging

/// Lets requests through at the rate that the whole fleet shares.
package struct FleetGate: RequestGate {
    private let limiter: RateLimiter
    private let logger: Logger

    package init(_ limiter: RateLimiter, logger: Logger) {
        self.limiter = limiter
        self.logger = logger
    }

    package func admit() async throws(RequestGateClosed) {
        do {
            try await limiter.acquire()
        } catch let error as RateLimited {
            throw RequestGateClosed(retryAfter: error.retryAfter, reason: "\(error)")
        } catch {
            throw RequestGateClosed(retryAfter: .seconds(2), reason: "the shared rate limit cannot be asked: \(error)")
        }
    }

    package func throttled(retryAfter: Duration?) async {
        do {
            try await limiter.throttled(retryAfter: retryAfter)
        } catch {
            logger.warning("Could not tell the fleet to slow down", metadata: ["error": "\(error)"])
        }
    }

    package func succeeded() {}
}
