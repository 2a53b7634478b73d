/// Lets `burst` requests through at once, and `perSecond` in the long run. A refused request costs nothing.
struct TokenBucket: Sendable {
    private let perSecond: Double
    private let burst: Double
    private var level: Double
    private var filledAt: ContinuousClock.Instant?

    init(perSecond: Double, burst: Int) {
        self.perSecond = perSecond
        self.burst = Double(burst)
        level = Double(burst)
    }

    /// - Returns: `nil` when the request may pass, else how long until the next one may.
    mutating func take(at now: ContinuousClock.Instant) -> Duration? {
        if let filledAt { level = min(burst, level + (now - filledAt) / .seconds(1) * perSecond) }
        filledAt = now
        if level >= 1 {
            level -= 1
            return nil
        }
        return .seconds((1 - level) / perSecond)
    }
}
