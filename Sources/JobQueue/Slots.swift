import Synchronization

/// How many jobs run in this worker, and who waits for one of them to end.
final class Slots: Sendable {
    let limit: Int
    private let running = Mutex(0)
    private let freed = Bell()

    init(limit: Int) {
        self.limit = limit
    }

    var runningCount: Int { running.withLock { $0 } }
    var free: Int { limit - runningCount }

    func take(_ count: Int) {
        running.withLock { $0 += count }
    }

    func release() {
        running.withLock { $0 -= 1 }
        freed.ring()
    }

    /// Wakes who waits, though no job ended.
    func nudge() {
        freed.ring()
    }

    /// Returns when a job ends, or on cancellation. For one task at a time, like the next two.
    func waitForRelease() async {
        await freed.wait()
    }

    func waitForRelease(atMost limit: Duration) async {
        await freed.wait(atMost: limit)
    }

    /// Returns when none runs, or after `limit`.
    func waitUntilEmpty(atMost limit: Duration) async {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while runningCount > 0, ContinuousClock.now < deadline, !Task.isCancelled {
            await freed.wait(atMost: deadline - .now)
        }
    }
}
