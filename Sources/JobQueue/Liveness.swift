import Synchronization

/// When the database last heard this worker, on this process's monotonic clock, which also counts a pause (SIGSTOP, a
/// suspended machine).
final class Liveness: Sendable {
    private let lastBeat: Mutex<ContinuousClock.Instant>
    private let limit: Duration

    /// - Parameter limit: After so long a silence the worker must not act any more. Shorter than what makes others
    ///   rescue its jobs.
    init(limit: Duration) {
        lastBeat = Mutex(.now)
        self.limit = limit
    }

    var isAlive: Bool {
        lastBeat.withLock { ContinuousClock.now - $0 } < limit
    }

    /// - Parameter instant: When the beat that succeeded was *sent*: the database saw it no earlier.
    /// - Returns: `false` when it came too late. A worker that was silent for too long stays silent: some of its jobs may
    ///   have been told so already and have given up.
    func beat(sentAt instant: ContinuousClock.Instant) -> Bool {
        lastBeat.withLock { last in
            guard ContinuousClock.now - last < limit else { return false }
            last = max(last, instant)
            return true
        }
    }
}
