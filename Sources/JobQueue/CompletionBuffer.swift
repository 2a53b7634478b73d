import Logging
import Postgres
import Synchronization

/// Gathers ended attempts and writes them together: 100 at a time, or after 20 ms.
///
/// A flush that fails is repeated with the same tokens for as long as the session lives; the fence makes that harmless.
final class CompletionBuffer: Sendable {
    private struct State {
        var items: [FinishedJob] = []
        var beingWritten = 0
        var isClosed = false
    }

    private static let flushCount = 100
    private static let flushAfter = Duration.milliseconds(20)
    private static let flushAtMost = 1_000
    /// Above this many unwritten ends the worker claims nothing new.
    static let bound = 5_000

    private let state = Mutex(State())
    private let bell = Bell()

    /// Ends that are not in the database yet.
    var count: Int { state.withLock { $0.items.count + $0.beingWritten } }

    func append(_ finished: FinishedJob) {
        let count = state.withLock { state in
            state.items.append(finished)
            return state.items.count
        }
        if count == 1 || count == Self.flushCount { bell.ring() }
    }

    /// No more will come: what is here is written, then ``flush(into:logger:written:)`` returns.
    func close() {
        state.withLock { $0.isClosed = true }
        bell.ring()
    }

    /// Writes until closed or cancelled.
    /// - Parameter written: told after each flush which jobs were accepted and which were refused by the fence.
    func flush(
        into store: JobStore,
        logger: Logger,
        written: @Sendable (_ accepted: [FinishedJob], _ stale: [FinishedJob]) -> Void
    )
        async throws
    {
        while true {
            await bell.wait()
            try Task.checkCancellation()
            if state.withLock({ $0.items.count < Self.flushCount && !$0.isClosed }) {
                await bell.wait(atMost: Self.flushAfter)
            }
            while let batch = next() {
                let accepted = try await write(batch, into: store, logger: logger)
                state.withLock { $0.beingWritten = 0 }
                var (kept, stale) = (batch, [FinishedJob]())
                if accepted.count < batch.count {
                    kept = batch.filter { accepted.contains($0.job.id) }
                    stale = batch.filter { !accepted.contains($0.job.id) }
                }
                written(kept, stale)
            }
            if state.withLock({ $0.isClosed && $0.items.isEmpty }) { return }
        }
    }

    private func next() -> [FinishedJob]? {
        state.withLock { state in
            guard !state.items.isEmpty else { return nil }
            let batch = Array(state.items.prefix(Self.flushAtMost))
            state.items.removeFirst(batch.count)
            state.beingWritten = batch.count
            return batch
        }
    }

    /// - Returns: the ids that were accepted.
    private func write(_ batch: [FinishedJob], into store: JobStore, logger: Logger) async throws -> Set<Int64> {
        do {
            return try await persist(batch, into: store, logger: logger)
        } catch let error as PostgresError where error.isAboutValues {
            // One of them cannot be stored as it is, and must not take the others with it.
            var accepted: Set<Int64> = []
            for item in batch { accepted.formUnion(try await writeAlone(item, into: store, logger: logger)) }
            return accepted
        }
    }

    private func writeAlone(_ item: FinishedJob, into store: JobStore, logger: Logger) async throws -> Set<Int64> {
        do {
            return try await persist([item], into: store, logger: logger)
        } catch let error as PostgresError where error.isAboutValues {
            logger.error(
                "A job's end cannot be stored, so the job fails",
                metadata: ["job.id": "\(item.job.id)", "job.kind": "\(item.job.kind)", "error": "\(error)"]
            )
            let failed = FinishedJob(job: item.job, outcome: .failed(reason: "its end could not be stored: \(error)"))
            return try await persist([failed], into: store, logger: logger)
        }
    }

    private func persist(_ batch: [FinishedJob], into store: JobStore, logger: Logger) async throws -> Set<Int64> {
        var attempt = 0
        while true {
            do {
                return try await store.finish(batch)
            } catch let error as PostgresError where error.isTransient {
                attempt += 1
                logger.warning(
                    "Could not record ended jobs; trying again",
                    metadata: ["jobs": "\(batch.count)", "error": "\(error)"]
                )
                try await Task.sleep(for: Backoff(base: .milliseconds(100), maximum: .seconds(2)).delay(after: attempt))
            }
        }
    }
}

extension PostgresError {
    /// Whether a statement was refused for what it was to write: nothing that waiting cures, nor a fault of the database.
    fileprivate var isAboutValues: Bool {
        switch kind {
        case .encoding: true
        // Data exceptions, violated constraints, limits exceeded.
        case .server: ["22", "23", "54"].contains(sqlState?.prefix(2))
        default: false
        }
    }
}
