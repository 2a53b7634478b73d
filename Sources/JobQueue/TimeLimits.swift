import Synchronization

/// Cancels jobs that take longer than their kind allows.
///
/// One task watches them all: a timer and two tasks for each would cost more than a short job itself.
final class TimeLimits: Sendable {
    /// A job that runs under a limit. The task is alive for as long as this is registered: ``run(atMost:_:)``, which
    /// runs in it, takes it out.
    private struct Running: @unchecked Sendable {
        let task: UnsafeCurrentTask
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var running: [UInt64: Running] = [:]
        var lastID: UInt64 = 0
        /// When ``watch()`` looks again by itself. `nil`: it does not.
        var nextLook: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let bell = Bell()

    /// Runs the body, whose task is cancelled once it has taken longer than `limit`; `nil`: no limit.
    /// - Throws: ``TookTooLong`` in place of what a body throws that was cancelled so. An outcome stands, however late.
    func run<T>(atMost limit: Duration?, _ body: () async throws -> T) async throws -> T {
        guard let limit else { return try await body() }
        let id = enter(deadline: .now + limit)
        do {
            let value = try await body()
            _ = leave(id)
            return value
        } catch {
            throw leave(id) ? TookTooLong(limit: limit) : error
        }
    }

    /// Cancels what is late, until cancelled itself.
    func watch() async {
        while !Task.isCancelled {
            let now = ContinuousClock.now
            let next = state.withLock { state in
                for (id, job) in state.running where job.deadline <= now {
                    job.task.cancel()
                    state.running[id] = nil
                }
                state.nextLook = state.running.values.lazy.map(\.deadline).min()
                return state.nextLook
            }
            if let next {
                await bell.wait(atMost: next - now)
            } else {
                await bell.wait()
            }
        }
    }

    private func enter(deadline: ContinuousClock.Instant) -> UInt64 {
        let (id, isNearest) = state.withLock { state in
            state.lastID += 1
            withUnsafeCurrentTask { task in
                // A job always runs in a task.
                state.running[state.lastID] = task.map { Running(task: $0, deadline: deadline) }
            }
            let isNearest = state.nextLook.map { deadline < $0 } ?? true
            if isNearest { state.nextLook = deadline }
            return (state.lastID, isNearest)
        }
        if isNearest { bell.ring() }
        return id
    }

    /// - Returns: whether it was late.
    private func leave(_ id: UInt64) -> Bool {
        state.withLock { $0.running.removeValue(forKey: id) == nil }
    }
}

/// One attempt took longer than its kind allows.
struct TookTooLong: Error, CustomStringConvertible {
    let limit: Duration
    var description: String { "took longer than \(limit)" }
}
