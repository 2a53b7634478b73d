import Foundation

/// What a rotation call came to. Whoever reads the server's answer says which: an answer that nobody recognises is
/// never ``oldKeyInvalid``.
package enum RotationAnswer: Sendable, Hashable {
    /// Success without any error: every secret of the client is under the new key.
    case rotated
    /// Some secrets changed key and some did not.
    case split
    /// The server says for certain that the old key does not open the secrets. Nothing happened.
    case oldKeyInvalid
    /// The client has no secret in double encryption mode. Nothing happened.
    case notApplicable
    /// A certain no for another reason, which will be the same next time. Nothing happened.
    case refused
    /// The request was not made, or turned away unread (429, 401). Nothing happened; try again later.
    case notSent
    case uncertain(Doubt)

    package enum Doubt: Sendable, Hashable {
        /// No answer, or one that says nothing: a timeout, a lost connection, 5xx, a worker that died. It may have happened.
        case unanswered
        /// An answer that nobody understands, such as an unknown 4xx. It may have happened.
        case unrecognised
    }
}

/// What may be done next. Everything else may not.
package enum RotationStep: Sendable, Hashable {
    /// The server may still carry out a call that we gave up.
    case wait(until: Date)
    /// Make a key, or finish making one: sealed, committed and escrowed, then ``Rotation/keyReady(_:)``.
    case makeKey
    /// Commit ``Rotation/begin(settleUntil:)``, then ask the server to rotate.
    case call(from: Int, to: Int)
    /// A call is out. If whoever made it is gone, its answer is `uncertain(.unanswered)`.
    case awaitAnswer
    case ended(RotationEnd)
}

package enum RotationEnd: String, Sendable, Hashable {
    /// The new key is live, and it was proven by the server's own yes.
    case succeeded
    /// The same, but the live key was not one that we believed in: somebody else rotated, or the server was restored.
    case outOfBand = "out_of_band"
    case refused
    case notApplicable = "not_applicable"
    /// A person said which key is live.
    case resolved
    /// Secrets are under two keys. Both are kept; only a person can tell which secret is under which.
    case split
    /// The server took none of the keys that we have for all of the client's secrets. Every key is kept, as a candidate.
    case lost
    /// Too many answers that settle nothing. Every candidate is kept.
    case needsReview = "needs_review"

    /// Whether a person must act before this client can be rotated again.
    package var needsPerson: Bool {
        switch self {
        case .split, .lost, .needsReview: true
        case .succeeded, .outOfBand, .refused, .notApplicable, .resolved: false
        }
    }
}
