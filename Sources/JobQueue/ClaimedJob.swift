/// A job that this worker holds a lease on.
package struct ClaimedJob: Sendable {
    package let id: Int64
    /// The fence: no write under another token is accepted.
    package let token: Int64
    package let kind: JobKind
    /// JSON text of the arguments.
    package let arguments: String
    /// Which attempt this is, from 1.
    package let attempt: Int
    package let maximumAttempts: Int
    package let priority: Int
    package let batchID: Int64?
    package let holdsUniqueKey: Bool
    /// Held while it runs.
    package let concurrencyKey: String?
    /// It, or another one that ran beside it, ended a worker; none of the others that run here now did.
    package let isSuspect: Bool

    var isLastAttempt: Bool { attempt >= maximumAttempts }
}

/// A job and how its attempt ended, on the way to the database.
struct FinishedJob: Sendable {
    let job: ClaimedJob
    let outcome: JobOutcome
}
