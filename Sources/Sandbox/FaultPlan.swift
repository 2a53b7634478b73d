/// What will go wrong with one request.
struct FaultPlan: Sendable {
    /// Its place in the ledger.
    var request = 0
    var latency = Duration.zero
    /// What happens to the clients first.
    var changes: [ClientChange] = []
    var expiresTokens = false
    /// The rule that ends the request; `nil`: it is served.
    var ending: FaultRule?
    /// How long the caller should wait, for the rules that can say so.
    var retryAfter = Duration.zero
}

/// Decides, request by request, which rules strike. What a rule does to its n-th matching request depends on the
/// seed, the rule's place and n alone, so other traffic does not change it.
struct FaultEngine: Sendable {
    private struct Armed {
        var rule: FaultRule
        var seen = 0
        var bucket: TokenBucket
        /// Of `churn`: the first request, and how many changes have been made since.
        var start: ContinuousClock.Instant?
        var made = 0
    }

    private var armed: [Armed]
    private let seed: UInt64
    /// Requests that a `rateLimit` rule refused.
    private(set) var overLimit = 0

    init(_ rules: [FaultRule], seed: UInt64) {
        self.seed = seed
        armed = rules.map { Armed(rule: $0, bucket: TokenBucket(perSecond: $0.perSecond, burst: $0.burst)) }
    }

    mutating func plan(for operation: SandboxOperation, at now: ContinuousClock.Instant) -> FaultPlan {
        var plan = FaultPlan()
        for index in armed.indices where armed[index].rule.matches(operation) {
            armed[index].seen += 1
            let (rule, seen) = (armed[index].rule, armed[index].seen)
            guard (rule.from...rule.to).contains(seen), draw(index, seen) < rule.probability else { continue }
            switch rule.kind {
            case .latency:
                let spread = Double(max(0, rule.maximumMilliseconds - rule.milliseconds))
                plan.latency += .milliseconds(Double(rule.milliseconds) + spread * draw(~index, seen))
            case .expireTokens:
                plan.expiresTokens = true
            case .change:
                plan.changes += ClientChange.all(of: rule, generator(index, seen))
            case .churn:
                let start = armed[index].start ?? now
                let due = Int((now - start) / .seconds(1) * rule.perSecond)
                plan.changes += (armed[index].made..<due).map { .random(of: rule, generator(index, $0)) }
                (armed[index].start, armed[index].made) = (start, due)
            case .rateLimit:
                guard let wait = armed[index].bucket.take(at: now) else { continue }
                overLimit += 1
                plan.retryAfter = wait
                plan.ending = rule
                return plan
            default:
                plan.retryAfter = .seconds(rule.retryAfterSeconds)
                plan.ending = rule
                return plan
            }
        }
        return plan
    }

    /// A number in 0..<1.
    private func draw(_ stream: Int, _ count: Int) -> Double {
        var generator = generator(stream, count)
        return Double(generator.next() >> 11) / Double(1 << 53)
    }

    private func generator(_ stream: Int, _ count: Int) -> SplitMix64 {
        var generator = SplitMix64(state: seed)
        generator.state = generator.next() ^ UInt64(bitPattern: Int64(stream))
        generator.state = generator.next() ^ UInt64(count)
        return generator
    }
}
