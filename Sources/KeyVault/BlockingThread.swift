import Dispatch

/// A thread for calls that block: an fsync, a lock that another process holds. The cooperative pool has only as many
/// threads as the machine cores.
final class BlockingThread: SerialExecutor {
    private let queue = DispatchQueue(label: "factpulse.vault")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Runs one blocking call on a thread of its own.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "factpulse.vault.once").async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
