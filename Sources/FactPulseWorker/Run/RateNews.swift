import JobQueue
import ServiceLifecycle

/// Carries what the fleet says about its rate limit from the worker's listener to the limiter.
struct RateNews: Service {
    private let limiter: RateLimiter?
    private let payloads: AsyncStream<String>
    private let inbox: AsyncStream<String>.Continuation

    init(_ limiter: RateLimiter?) {
        self.limiter = limiter
        // Only the latest matter: each says until when the limit is closed.
        (payloads, inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(100))
    }

    @Sendable func hear(channel: String, payload: String) {
        if channel == JobStore.rateChannel { inbox.yield(payload) }
    }

    func run() async {
        for await payload in payloads.cancelOnGracefulShutdown() {
            await limiter?.heard(payload)
        }
    }
}
