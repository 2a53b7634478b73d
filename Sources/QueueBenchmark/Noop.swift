import JobQueue
import Synchronization

/// The job that is measured: does nothing, and keeps a small result.
struct Noop: JobHandler {
    struct Arguments: Codable, Sendable {
        var n: Int
    }

    static let kind: JobKind = "noop"
    static let policy = JobPolicy(description: "Does nothing, for the benchmark", arguments: ["n": .number])

    let starts: Starts

    func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        starts.add()
        return .completed(result: #"{"ok":true}"#)
    }
}

/// When jobs began to run.
final class Starts: Sendable {
    private typealias Waiter = CheckedContinuation<ContinuousClock.Instant, Never>

    private struct State {
        var count = 0
        var marks: [ContinuousClock.Instant] = []
        var waiter: (count: Int, continuation: Waiter)?
    }

    private let interval: Int
    private let state = Mutex(State())

    /// - Parameter interval: The first job of every so many leaves its time.
    init(every interval: Int) {
        self.interval = interval
    }

    var marks: [ContinuousClock.Instant] { state.withLock { $0.marks } }

    func add() {
        let now = ContinuousClock.now
        let waiter: Waiter? = state.withLock { state in
            if state.count.isMultiple(of: interval) { state.marks.append(now) }
            state.count += 1
            guard let waiter = state.waiter, waiter.count <= state.count else { return nil }
            state.waiter = nil
            return waiter.continuation
        }
        waiter?.resume(returning: now)
    }

    /// When the job of that number, counted from 1, began; it must not have begun yet, or be the last.
    func time(of number: Int) async -> ContinuousClock.Instant {
        await withCheckedContinuation { continuation in
            let past: ContinuousClock.Instant? = state.withLock { state in
                guard state.count < number else { return state.marks.last }
                state.waiter = (number, continuation)
                return nil
            }
            if let past { continuation.resume(returning: past) }
        }
    }
}
