/// Leaves a failing host alone for a while. Pure: time is given to it.
///
/// Closed: requests pass. Open: none does, for ``pause``. Then one request may try; its result closes or reopens.
struct CircuitBreaker: Sendable {
    static let window: Duration = .seconds(30)
    static let pause: Duration = .seconds(30)
    /// Fewer calls than this in the window prove nothing.
    static let fewestCalls = 20

    /// The right to send one request; give it back with ``report(_:_:at:)``.
    enum Permit: Sendable, Equatable {
        case ordinary
        /// The one that finds out whether the host is well again.
        case probe
    }

    enum Report: Sendable {
        /// The host answered, whatever it said.
        case healthy
        /// 5xx, timeout, or no connection.
        case failing
        /// The request says nothing about the host: it was cancelled, or refused by ourselves.
        case nothing
    }

    private enum State {
        case closed
        case open(until: ContinuousClock.Instant)
        case halfOpen
    }

    private struct Bucket {
        let begin: ContinuousClock.Instant
        var calls = 0
        var failures = 0
    }

    private var state = State.closed
    private var buckets: [Bucket] = []

    /// - Returns: How long the host is still left alone; `nil` when a request may pass. Takes no permit.
    func closedFor(at now: ContinuousClock.Instant) -> Duration? {
        switch state {
        case .closed: nil
        case .open(let until): now < until ? until - now : nil
        // The probe ends within a request timeout; a short wait is enough.
        case .halfOpen: .seconds(1)
        }
    }

    /// - Returns: A permit, or how long to wait.
    mutating func permit(at now: ContinuousClock.Instant) -> Result<Permit, BreakerOpen> {
        if let wait = closedFor(at: now) { return .failure(BreakerOpen(retryAfter: wait)) }
        guard case .open = state else { return .success(.ordinary) }
        state = .halfOpen
        return .success(.probe)
    }

    mutating func report(_ report: Report, _ permit: Permit, at now: ContinuousClock.Instant) {
        switch (permit, report) {
        case (.probe, .healthy):
            state = .closed
            buckets = []
        case (.probe, .failing):
            state = .open(until: now + Self.pause)
        case (.probe, .nothing):
            // The next request is the probe.
            state = .open(until: now)
        case (.ordinary, .nothing):
            break
        case (.ordinary, _):
            count(isFailure: report == .failing, at: now)
        }
    }

    private mutating func count(isFailure: Bool, at now: ContinuousClock.Instant) {
        // Late results of requests that were under way when it opened change nothing.
        guard case .closed = state else { return }
        buckets.removeAll { $0.begin + Self.window <= now }
        if buckets.last.map({ now - $0.begin >= .seconds(1) }) ?? true { buckets.append(Bucket(begin: now)) }
        buckets[buckets.count - 1].calls += 1
        buckets[buckets.count - 1].failures += isFailure ? 1 : 0
        let calls = buckets.reduce(0) { $0 + $1.calls }
        let failures = buckets.reduce(0) { $0 + $1.failures }
        if calls >= Self.fewestCalls, failures * 2 >= calls {
            state = .open(until: now + Self.pause)
            buckets = []
        }
    }
}

/// The breaker lets nothing through for a while.
struct BreakerOpen: Error, Equatable {
    let retryAfter: Duration
}

extension CircuitBreaker.Report {
    /// What one exchange says about the host.
    init(_ observation: Observation) {
        self =
            switch observation {
            case .noAnswer(.cancelled, _), .noAnswer(.guardRefused, _), .noAnswer(.invalidRequest, _): .nothing
            case .noAnswer: .failing
            case .answer(500..., _, _), .answer(408, _, _): .failing
            case .answer(_, _, .timeout), .answer(_, _, .lost): .failing
            case .answer: .healthy
            }
    }
}
