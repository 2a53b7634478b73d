/// What a failed call did to the server. The one question that decides what may happen next.
package enum Outcome: Sendable, Hashable {
    /// The request was not made: nothing can have happened.
    case notSent(NotSent)
    /// The server said no, and will say no again: nothing happened.
    case refused(status: Int)
    /// 429: nothing happened. `retryAfter` is what the server asked for, if it said.
    case throttled(retryAfter: Duration?)
    /// 401, also with a new token: nothing happened.
    case unauthorized
    /// The e-mail address and password were refused: nothing happened, and no request will succeed.
    case credentialsRefused
    /// It may have happened, or not. Only a look at the server tells.
    case uncertain(Uncertain)
}

/// Why a request was not made.
package enum NotSent: Sendable, Hashable {
    /// DNS failed, the connection was refused, or TLS could not be agreed.
    case unreachable
    case connectTimeout
    /// ``FactPulseClient/guarded(by:)``: the check threw.
    case guardRefused
    case gateClosed(retryAfter: Duration, reason: String)
    /// The host failed too often lately: it is left alone for a while.
    case breakerOpen(retryAfter: Duration)
    case cancelled
    /// The request timeout ended before the first byte could leave, or after a 401 before it could leave once more.
    case timeout
    /// The token that the request needs could not be fetched.
    case tokenUnavailable
    /// The request cannot be written as HTTP or JSON. A bug, or a line break in a credential.
    case invalidRequest
}

/// Why nobody knows whether the server did it.
package enum Uncertain: Sendable, Hashable {
    case timeout
    case connectionLost
    /// 5xx: a gateway may answer for a server that goes on working. 408 counts as one.
    case serverError(status: Int)
    /// 2xx, but the answer is not what the contract says. It did happen; what it gave is unknown.
    case unreadable
    /// 2xx with a longer answer than we are willing to read.
    case tooLarge
    /// A redirect that may stand for a success. It is never followed.
    case redirected(status: Int)
    /// Cancelled after the first byte had left.
    case cancelled
}
