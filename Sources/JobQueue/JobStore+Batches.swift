import Postgres

/// Batches: a set of jobs, and a job that follows once all have ended, exactly once.
extension JobStore {
    /// Opens a batch. Members join through ``enqueueMany(_:arguments:queue:priority:batch:in:)`` until it is sealed.
    /// - Throws: as an enqueue does when the callback's kind or arguments do not fit.
    package static func openBatch(
        callback: JobKind,
        arguments: String,
        in executor: some SQLExecutor
    ) async throws -> Int64 {
        let rows = try await executor.query(
            """
            INSERT INTO queue.batches (callback_kind, callback_args)
            SELECT \(callback), \(arguments)::jsonb FROM queue.check_args(\(callback), ARRAY[\(arguments)::jsonb])
            RETURNING id
            """
        )
        return try rows[0].decode(at: 0, as: Int64.self)
    }

    /// Says that no more members will come. To be followed, after the commit, by ``settleBatch(_:)``: all may have ended.
    package static func sealBatch(_ id: Int64, in executor: some SQLExecutor) async throws {
        try await executor.execute("UPDATE queue.batches SET sealed = true WHERE id = \(id)")
    }

    /// Finishes a sealed batch whose members have all ended, or that never had any.
    package func settleBatch(_ id: Int64) async throws {
        try await finishBatches([id])
    }

    /// Enqueues one job an element of `arguments`, JSON texts, in order.
    /// - Parameter concurrencyKeys: As many as `arguments`; `nil`: none has one.
    /// - Returns: how many.
    @discardableResult
    package static func enqueueMany(
        _ kind: JobKind,
        arguments: [String],
        queue: String = "default",
        priority: Int = 100,
        batch: Int64? = nil,
        concurrencyKeys: [String?]? = nil,
        in executor: some SQLExecutor
    ) async throws -> Int {
        let rows = try await executor.query(
            """
            SELECT queue.enqueue_many(\(kind), \(arguments)::jsonb[], \(queue), now(), \(priority)::int, NULL, \(batch)::bigint,
                                      \(concurrencyKeys)::text[])
            """
        )
        return try rows[0].decode(at: 0, as: Int.self)
    }
}
