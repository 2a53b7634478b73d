import Foundation
import Postgres

extension JobStore {
    /// As `enqueue`, for people who name a time of the calendar.
    /// - Parameters:
    ///   - time: When it is due; `nil`: now.
    ///   - delay: Added to it.
    /// - Returns: the job's id, or that of the job that holds `uniqueKey`.
    package static func enqueue(
        _ kind: JobKind,
        arguments: String,
        queue: String,
        at time: Date?,
        delay: Duration?,
        priority: Int,
        uniqueKey: String?,
        concurrencyKey: String?,
        in executor: some SQLExecutor
    ) async throws -> Int64 {
        let rows = try await executor.query(
            """
            SELECT queue.enqueue(\(kind), \(arguments)::jsonb, \(queue),
                                 coalesce(\(time)::timestamptz, now()) + coalesce(\(delay)::interval, '0'),
                                 \(priority)::int, \(uniqueKey), NULL, \(concurrencyKey))
            """
        )
        return try rows[0].decode(at: 0, as: Int64.self)
    }
}
