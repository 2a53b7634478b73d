import JobQueue
import Logging
import Postgres

/// Waits for a database: a worker often starts before it.
struct Patient: Sendable {
    /// After which it is given up; `nil`: never.
    let limit: Duration?
    let logger: Logger

    /// - Throws: at once what waiting cannot cure; `PostgresError` after the limit.
    func ask<Answer>(_ question: () async throws -> Answer) async throws -> Answer {
        let began = ContinuousClock.now
        var failures = 0
        while true {
            do {
                return try await question()
            } catch let error as PostgresError where error.isTransient {
                if let limit, ContinuousClock.now - began >= limit { throw error }
                failures += 1
                logger.error("The database cannot be reached; trying again", metadata: ["error": "\(error)"])
                try await Task.sleep(
                    for: Backoff(base: .milliseconds(500), maximum: .seconds(5)).delay(after: failures)
                )
            }
        }
    }
}
