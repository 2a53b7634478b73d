/// How long to wait before the next attempt: exponential with full jitter, so that jobs that failed together do not
/// come back together.
package struct Backoff: Sendable {
    /// The ceiling after the first failure. Default: 2 seconds.
    package var base: Duration
    /// No wait is longer. Default: 10 minutes.
    package var maximum: Duration

    package init(base: Duration = .seconds(2), maximum: Duration = .seconds(600)) {
        self.base = base
        self.maximum = maximum
    }

    /// The longest wait after `attempt` (1 is the first).
    package func ceiling(after attempt: Int) -> Duration {
        min(maximum, base * (1 << min(max(attempt, 1) - 1, 20)))
    }

    /// A wait drawn from zero to the ceiling.
    package func delay(after attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        ceiling(after: attempt) * Double.random(in: 0...1, using: &generator)
    }

    package func delay(after attempt: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return delay(after: attempt, using: &generator)
    }
}
