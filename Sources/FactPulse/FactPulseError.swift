/// Why a FactPulse call did not give its answer, and what that means for the server.
package struct FactPulseError: Error, Sendable {
    /// What the caller wanted.
    package let operation: Operation
    package let outcome: Outcome
    /// Of the answer, when one came.
    package var status: Int?
    /// The server's code, at most 64 characters, without secrets.
    package var code: String?
    /// The server's own words, at most 500 characters, without secrets. They may quote a name or a SIRET, so
    /// ``description`` leaves them out.
    package var message: String?
    /// What the server says about single fields (422).
    package var fields: [FieldError] = []
    /// What the check of ``FactPulseClient/guarded(by:)`` threw, when that is the reason.
    package var guardError: (any Error)?
    /// Our own words on what failed below HTTP, or while the token was fetched.
    package var detail: String?
    /// What `Retry-After` of a 503 said.
    var askedToWait: Duration?

    package init(_ operation: Operation, _ outcome: Outcome) {
        self.operation = operation
        self.outcome = outcome
    }

    /// Whether the same call may succeed later, and repeating it cannot do harm.
    package var isWorthRetrying: Bool {
        switch outcome {
        case .notSent(.guardRefused), .notSent(.invalidRequest): false
        case .notSent, .throttled: true
        case .uncertain: operation.isRepeatable
        case .refused, .unauthorized, .credentialsRefused: false
        }
    }

    /// How long to wait before the next try, when something told us: a minute at most. The gate knows for how long it is
    /// really closed, and it may be opened before its time.
    package var retryAfter: Duration? { told.map { min($0, .seconds(60)) } }

    private var told: Duration? {
        switch outcome {
        case .throttled(let retryAfter): retryAfter
        case .notSent(.gateClosed(let retryAfter, _)), .notSent(.breakerOpen(let retryAfter)): retryAfter
        default: askedToWait
        }
    }

    /// One of a few words, for a metric: a class of outcome, never anything from a server.
    package var label: String {
        switch outcome {
        case .notSent: "not_sent"
        case .refused: "refused"
        case .throttled: "throttled"
        case .unauthorized: "unauthorized"
        case .credentialsRefused: "credentials_refused"
        case .uncertain: "uncertain"
        }
    }

    /// The same facts under another outcome.
    func with(_ outcome: Outcome, for operation: Operation? = nil) -> FactPulseError {
        var error = FactPulseError(operation ?? self.operation, outcome)
        error.status = status
        error.code = code
        error.message = message
        error.fields = fields
        error.guardError = guardError
        error.detail = detail
        error.askedToWait = askedToWait
        return error
    }

    /// This failure of a token request, as the failure of the call that needed the token.
    func asPrelude(to operation: Operation, scope: Scope) -> FactPulseError {
        let outcome: Outcome =
            switch self.outcome {
            case .notSent, .throttled, .credentialsRefused: self.outcome
            // For a client's token, "no" can be about this client. For the account's, it is about the service.
            case .refused(let status) where scope != .account: .refused(status: status)
            case .refused, .unauthorized, .uncertain: .notSent(.tokenUnavailable)
            }
        var error = with(outcome, for: operation)
        error.detail = "while fetching the token" + (detail.map { ": \($0)" } ?? "")
        return error
    }
}

extension FactPulseError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Fit for a log: our own words, the status and the server's code.
    package var description: String {
        var facts: [String] = []
        if let status { facts.append("HTTP \(status)") }
        if let code { facts.append(code) }
        if !fields.isEmpty { facts.append("fields: " + fields.map(\.field).joined(separator: ", ")) }
        if let detail { facts.append(detail) }
        var doubt = ""
        if case .uncertain = outcome, !operation.isRead { doubt = ": it may or may not have happened" }
        return "\(operation.rawValue): \(outcome.sentence)\(doubt)"
            + (facts.isEmpty ? "" : " (\(facts.joined(separator: "; ")))")
    }

    /// For a person on call: with the server's words.
    package var debugDescription: String {
        description + (message.map { ": \($0)" } ?? "")
    }
}

extension Outcome {
    /// What happened, and where there is one, the cure.
    fileprivate var sentence: String {
        switch self {
        case .notSent(let reason): reason.sentence
        case .refused(404): "FactPulse does not know it"
        case .refused(403): "FactPulse denied access: check the account's rights and quota"
        case .refused: "FactPulse refused the request"
        case .throttled(let retryAfter):
            "FactPulse asks to slow down" + (retryAfter.map { ", for \($0)" } ?? "")
        case .unauthorized: "FactPulse did not accept the token or key: check the credentials and the client's state"
        case .credentialsRefused: "FactPulse refused the e-mail address or password: check the credentials"
        case .uncertain(let reason): reason.sentence
        }
    }
}

extension NotSent {
    fileprivate var sentence: String {
        switch self {
        case .unreachable: "FactPulse cannot be reached: check FACTPULSE_API_URL and the network"
        case .connectTimeout: "FactPulse did not take the connection in time: check FACTPULSE_API_URL and the firewall"
        case .guardRefused: "not sent, because it may no longer be sent"
        case .gateClosed(let retryAfter, let reason): "not sent, the rate limit says wait \(retryAfter): \(reason)"
        case .breakerOpen(let retryAfter): "not sent, FactPulse failed too often lately: next try in \(retryAfter)"
        case .cancelled: "not sent, because it was cancelled"
        case .timeout: "not sent, because the time for it was over"
        case .tokenUnavailable: "not sent, because no token could be fetched"
        case .invalidRequest: "not sent, because it cannot be written: check the credentials for line breaks"
        }
    }
}

extension Uncertain {
    fileprivate var sentence: String {
        switch self {
        case .timeout: "no complete answer in time"
        case .connectionLost: "the connection broke before the answer was complete"
        case .serverError: "FactPulse had an error"
        case .unreadable: "FactPulse's answer could not be read"
        case .tooLarge: "FactPulse's answer is too long"
        case .redirected: "FactPulse answered with a redirect: check FACTPULSE_API_URL"
        case .cancelled: "cancelled while waiting for the answer"
        }
    }
}
