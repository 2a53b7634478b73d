import Dispatch
import Synchronization

/// Wakes the one task that waits. Rings do not add up: rung twice before anyone waits is rung once.
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Bool, Never>?
        /// When the waiter wants to be woken though nobody rang.
        var deadline: ContinuousClock.Instant?

        mutating func takeWaiter() -> CheckedContinuation<Bool, Never>? {
            defer { (waiter, deadline) = (nil, nil) }
            return waiter
        }
    }

    /// Any thread may use one; Dispatch on Linux does not say so.
    private struct Timer: @unchecked Sendable {
        let source = DispatchSource.makeTimerSource(queue: .global())
    }

    private let state = Mutex(State())
    /// One for all waits. A sleeping task beside each would have to be woken and awaited before the waiter can go on.
    private let timer = Timer()

    init() {
        timer.source.setEventHandler { [weak self] in self?.checkTime() }
        timer.source.activate()
    }

    deinit {
        timer.source.cancel()
    }

    func ring() {
        let waiter = state.withLock { state in
            let waiter = state.takeWaiter()
            state.isRung = waiter == nil
            return waiter
        }
        waiter?.resume(returning: true)
    }

    /// Returns when rung, or when the task is cancelled.
    func wait() async {
        _ = await wait(until: nil)
    }

    /// Returns when rung, after `limit`, or when the task is cancelled.
    /// - Returns: `false` when nobody rang.
    @discardableResult
    func wait(atMost limit: Duration) async -> Bool {
        await wait(until: .now + limit)
    }

    private func wait(until deadline: ContinuousClock.Instant?) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    precondition(state.waiter == nil, "a bell has one listener")
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    (state.waiter, state.deadline) = (continuation, deadline)
                    if let deadline { setTimer(deadline) }
                    return false
                }
                if goesOn { continuation.resume(returning: true) }
            }
        } onCancel: {
            ring()
        }
    }

    /// Only under the lock: the last waiter's time is the one that counts.
    private func setTimer(_ deadline: ContinuousClock.Instant) {
        let nanoseconds = max(0, (deadline - .now) / .nanoseconds(1))
        timer.source.schedule(deadline: .now() + .nanoseconds(Int(min(nanoseconds, 1e18))))
    }

    /// The timer may be that of an earlier wait, and it runs by another clock.
    private func checkTime() {
        let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
            guard let deadline = state.deadline else { return nil }
            guard deadline <= .now else {
                setTimer(deadline)
                return nil
            }
            return state.takeWaiter()
        }
        waiter?.resume(returning: false)
    }
}
