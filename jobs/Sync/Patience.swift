import FactPulse
import JobQueue
import Logging

/// Makes a call that only reads, again and again while the server may answer later and the job is still ours.
struct Patience: Sendable {
    /// How often one call is made again, and how long is waited for it at most.
    private static let maximumRepeats = 20
    private static let longestWait = Duration.seconds(60)
    /// An answer that contradicts itself is rarely better the next time.
    private static let maximumOddities = 4

    let context: JobContext

    /// - Parameter message: For the log, each time.
    /// - Throws: ``LeaseLost``; `FactPulseError` or ``OddAnswer`` when there is no answer, however often it is asked for.
    func ask<Answer>(saying message: String, _ call: () async throws -> Answer) async throws -> Answer {
        var failures = 0
        while true {
            do {
                return try await call()
            } catch let error as FactPulseError {
                failures += 1
                guard error.isWorthRetrying, failures <= Self.maximumRepeats else { throw error }
                let wait = error.retryAfter ?? Self.backoff.delay(after: failures)
                guard wait <= Self.longestWait else { throw error }
                try await rest(wait, message, error)
            } catch let error as OddAnswer {
                failures += 1
                guard failures <= Self.maximumOddities else { throw error }
                try await rest(Self.backoff.delay(after: failures), message, error)
            }
        }
    }

    private static let backoff = Backoff(base: .seconds(1), maximum: .seconds(30))

    private func rest(_ wait: Duration, _ message: String, _ error: any Error) async throws {
        context.logger.info("\(message)", metadata: ["error": "\(error)"])
        try context.checkAlive()
        try await Task.sleep(for: wait)
    }
}

/// An answer that contradicts itself. Nothing is concluded from it.
struct OddAnswer: RetryDecidingError, CustomStringConvertible {
    let what: String

    var isWorthRetrying: Bool { true }
    var description: String { "FactPulse's answer contradicts itself: \(what)" }
}
