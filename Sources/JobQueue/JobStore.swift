import Logging
import Postgres

/// The queue's tables. Each method is one transition, in one statement or one transaction; the clock is the database's.
package struct JobStore: Sendable {
    /// SQLSTATE of `queue.fence` when the lease is gone.
    static let fenceSQLState = "FQ001"
    /// Where `queue.enqueue` calls.
    package static let wakeChannel = "queue_wake"
    /// Where a throttled worker tells the fleet.
    package static let rateChannel = "queue_rate"

    /// Goes before a statement, in its transaction: rows are found by index, whatever the statistics say. Those of a
    /// queue are always of another hour: a table that was empty when it was analysed, or never was, would be scanned
    /// and sorted whole for each claim.
    static let byIndex: SQL = """
        SELECT set_config(name, 'off', true)
          FROM unnest('{enable_seqscan,enable_sort,enable_hashjoin,enable_mergejoin,jit}'::text[]) name
        """

    package let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Runs a statement that finds its rows by index, in a transaction of its own.
    func queryByIndex(_ sql: SQL) async throws -> [Row] {
        try await database.pipeline([Self.byIndex, sql])[1]
    }

    /// Makes kinds known, so that jobs of them can be enqueued. Writes only what differs.
    package func declare(_ policies: [(kind: JobKind, policy: JobPolicy)]) async throws {
        for (kind, policy) in policies {
            let arguments = JSON(policy.arguments.mapValues(\.rawValue))
            try await database.execute(
                """
                INSERT INTO queue.kinds AS k (kind, description, args, max_attempts, max_crashes)
                VALUES (\(kind), \(policy.description), \(arguments), \(policy.maximumAttempts), \(policy.maximumCrashes))
                ON CONFLICT (kind) DO UPDATE
                   SET description = excluded.description, args = excluded.args, max_attempts = excluded.max_attempts,
                       max_crashes = excluded.max_crashes, declared_at = now()
                 WHERE (k.description, k.args, k.max_attempts, k.max_crashes)
                       IS DISTINCT FROM (excluded.description, excluded.args, excluded.max_attempts, excluded.max_crashes)
                """
            )
        }
    }

    /// Enqueues through `queue.enqueue`, the one door, within `executor`'s transaction if it is one.
    /// - Parameters:
    ///   - arguments: JSON text of an object.
    ///   - delay: From now, by the database's clock.
    ///   - concurrencyKey: Of the jobs that share one, of whatever kind and queue, at most one runs at a time.
    /// - Returns: the job's id, or that of the job that holds `uniqueKey`.
    /// - Throws: `PostgresError` with SQLSTATE 22023 and a sentence for people when kind or arguments do not fit.
    @discardableResult
    package static func enqueue(
        _ kind: JobKind,
        arguments: String = "{}",
        queue: String = "default",
        delay: Duration? = nil,
        priority: Int = 100,
        uniqueKey: String? = nil,
        concurrencyKey: String? = nil,
        maximumAttempts: Int? = nil,
        in executor: some SQLExecutor
    ) async throws -> Int64 {
        let rows = try await executor.query(
            """
            SELECT queue.enqueue(\(kind), \(arguments)::jsonb, \(queue), now() + coalesce(\(delay)::interval, '0'),
                                 \(priority)::int, \(uniqueKey), \(maximumAttempts)::int, \(concurrencyKey))
            """
        )
        return try rows[0].decode(at: 0, as: Int64.self)
    }
}

extension JobKind: PostgresEncodable, PostgresDecodable {}
