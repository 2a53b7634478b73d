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
                written(batch.filter { accepted.contains($0.job.id) }, batch.filter { !accepted.contains($0.job.id) })
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

    private func write(_ batch: [FinishedJob], into store: JobStore, logger: Logger) async throws -> Set<Int64> {
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
