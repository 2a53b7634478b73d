import Synchronization

/// How many jobs run in this worker, and who waits for some of them to end.
final class Slots: Sendable {
    private struct State {
        var running = 0
        /// How many free slots somebody waits for.
        var awaited = Int.max
    }

    let limit: Int
    private let state = Mutex(State())
    private let freed = Bell()

    init(limit: Int) {
        self.limit = limit
    }

    var runningCount: Int { state.withLock { $0.running } }
    var free: Int { limit - runningCount }

    func take(_ count: Int) {
        state.withLock { $0.running += count }
    }

    func release() {
        let isEnough = state.withLock { state in
            state.running -= 1
            return limit - state.running >= state.awaited
        }
        if isEnough { freed.ring() }
    }

    /// Wakes who waits, though no job ended.
    func nudge() {
        freed.ring()
    }

    /// For one task at a time, like the next two.
    func waitForNudge() async {
        await freed.wait()
    }

    /// Returns when so many slots are free, after `limit` if there is one, when nudged, or on cancellation.
    func waitUntilFree(_ count: Int, atMost limit: Duration? = nil) async {
        let isFree = state.withLock { state in
            state.awaited = count
            return self.limit - state.running >= count
        }
        if !isFree {
            if let limit { await freed.wait(atMost: limit) } else { await freed.wait() }
        }
        state.withLock { $0.awaited = .max }
    }

    /// Returns when none runs, or after `limit`.
    func waitUntilEmpty(atMost limit: Duration) async {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while runningCount > 0, ContinuousClock.now < deadline, !Task.isCancelled {
            await waitUntilFree(self.limit, atMost: deadline - .now)
        }
    }
}
