import Synchronization

/// When a job of this worker last ended for good; at first, when the worker began.
final class LastEnd: Sendable {
    private let instant = Mutex(ContinuousClock.now)

    func note() { instant.withLock { $0 = .now } }

    /// How long ago.
    var age: Duration { instant.withLock { .now - $0 } }
}
