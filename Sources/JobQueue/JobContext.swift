import Logging
import Postgres

/// What a running job is given: itself, its fence, and a logger that names it.
package struct JobContext: Sendable {
    package let job: ClaimedJob
    package let store: JobStore
    let liveness: Liveness
    private let plainLogger: Logger

    init(job: ClaimedJob, store: JobStore, logger: Logger, liveness: Liveness) {
        self.job = job
        self.store = store
        self.liveness = liveness
        plainLogger = logger
    }

    /// Names the job. Made when it is asked for: most jobs have nothing to say.
    package var logger: Logger {
        var logger = plainLogger
        logger[metadataKey: "job.id"] = "\(job.id)"
        logger[metadataKey: "job.kind"] = "\(job.kind)"
        logger[metadataKey: "job.attempt"] = "\(job.attempt)"
        return logger
    }

    /// Runs a transaction that only the holder of the lease can commit: its first statement locks the lease row.
    ///
    /// No transaction may be open across an HTTP call.
    /// - Throws: ``LeaseLost`` when the job was given to another worker; nothing was written then.
    package func transaction<T>(_ body: (Transaction) async throws -> T) async throws -> T {
        try await mappingFence {
            try await store.database.transaction { transaction in
                try await transaction.execute(fence)
                return try await body(transaction)
            }
        }
    }

    /// Runs statements behind the fence in one round trip and one commit. All or none.
    /// - Returns: the rows of each statement.
    /// - Throws: ``LeaseLost`` when the job was given to another worker; nothing was written then.
    package func write(_ statements: SQL...) async throws -> [[Row]] {
        try await mappingFence {
            Array(try await store.database.pipeline([fence] + statements).dropFirst())
        }
    }

    /// To be asked right before something irrevocable: refuses once this worker has not been heard by the database for
    /// so long that another may be given the job. Costs no statement.
    /// - Throws: ``LeaseLost``.
    package func checkAlive() throws {
        guard liveness.isAlive else { throw LeaseLost(jobID: job.id) }
    }

    private var fence: SQL { "SELECT queue.fence(\(job.id), \(job.token))" }

    private func mappingFence<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let error as PostgresError where error.sqlState == JobStore.fenceSQLState {
            throw LeaseLost(jobID: job.id)
        }
    }
}
