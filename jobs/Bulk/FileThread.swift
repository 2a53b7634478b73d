import Dispatch

/// A thread for reading files: the reads block, and the cooperative pool has only as many threads as the machine cores.
final class FileThread: SerialExecutor {
    private let queue = DispatchQueue(label: "factpulse.file")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
