import Synchronization

/// The leases that this worker knows of: those of running jobs, and of ended ones whose end is not in the database yet.
///
/// By token, not by job: a job that ends and is claimed again at once has two, and the end of the first is noticed here
/// after the claim of the second.
final class HeldLeases: Sendable {
    private let state = Mutex<[Int64: ClaimedJob]>([:])

    var tokens: [Int64] { state.withLock { Array($0.keys) } }

    /// Whether one of them is under suspicion.
    var haveSuspect: Bool { state.withLock { $0.values.contains(where: \.isSuspect) } }

    func add(_ jobs: [ClaimedJob]) {
        state.withLock { held in jobs.forEach { held[$0.token] = $0 } }
    }

    func remove(_ jobs: [ClaimedJob]) {
        state.withLock { held in jobs.forEach { held[$0.token] = nil } }
    }
}

/// When to look for leases that the database holds for this worker and the worker does not know of: those of a claim
/// whose answer was lost. The server may commit such a claim after we have given it up.
struct LeaseAudit {
    private static let suspectFor = Duration.seconds(60)
    private let interval: Duration
    private var due: ContinuousClock.Instant
    private var suspectUntil = ContinuousClock.now

    init(interval: Duration) {
        self.interval = interval
        due = .now.advanced(by: interval)
    }

    mutating func claimFailed() {
        due = .now
        suspectUntil = .now.advanced(by: Self.suspectFor)
    }

    /// - Returns: `true` once each time that it is due.
    mutating func isDue() -> Bool {
        guard ContinuousClock.now >= due else { return false }
        due = .now.advanced(by: ContinuousClock.now < suspectUntil ? min(.seconds(5), interval) : interval)
        return true
    }
}
