import Foundation

/// How an attempt ended. Waiting and giving up on purpose are outcomes; an error means that something went wrong.
package enum JobOutcome: Sendable, Equatable {
    /// Done. The result, JSON text, is kept with the job.
    case completed(result: String?)
    /// Did not work this time: counts as an attempt, comes back after the wait, fails when no attempt is left.
    case retry(after: Duration, reason: String)
    /// Nothing went wrong, but it is too early: comes back after the wait and spends no attempt.
    case snooze(Duration)
    /// No longer wanted.
    case cancelled(reason: String)
    /// Cannot work, however often it is tried.
    case failed(reason: String)

    package static let completed = JobOutcome.completed(result: nil)

    /// Done, with a result that is encoded as JSON.
    /// - Throws: what the encoder throws; the job then counts as having failed this attempt.
    package static func completed(_ result: some Encodable) throws -> JobOutcome {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return .completed(result: String(decoding: try encoder.encode(result), as: UTF8.self))
    }
}

/// An error that knows whether the same call may work later. Others are tried again.
package protocol RetryDecidingError: Error {
    var isWorthRetrying: Bool { get }
}

/// The job belongs to another worker now, or this worker can no longer prove that it is alive. Nothing that the job
/// still does may be written; the worker drops it without a word to the database.
package struct LeaseLost: Error, CustomStringConvertible {
    package let jobID: Int64

    package init(jobID: Int64) {
        self.jobID = jobID
    }

    package var description: String { "job \(jobID) is no longer ours" }
}
