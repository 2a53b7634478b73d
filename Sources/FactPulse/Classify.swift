/// What was seen of one exchange with the server.
enum Observation: Sendable, Hashable {
    /// No status line came.
    /// - Parameter requestMayHaveLeft: Whether a server could have acted on what was sent so far.
    case noAnswer(Failure, requestMayHaveLeft: Bool)
    case answer(status: Int, retryAfter: Duration?, body: Body)

    enum Failure: Sendable, Hashable {
        case unreachable, connectTimeout, connectionLost, timeout, cancelled, guardRefused, invalidRequest
    }

    enum Body: Sendable, Hashable {
        /// All of it came, and it decodes as the operation's answer. Not looked at unless the status is 2xx.
        case complete
        case unreadable, tooLarge, lost, timeout, cancelled
    }
}

/// Says what one exchange did to the server: every result of every request passes here and nowhere else.
/// - Returns: `nil` when the operation is done.
func classify(_ operation: Operation, _ observation: Observation) -> Outcome? {
    switch observation {
    case .noAnswer(let failure, let requestMayHaveLeft):
        requestMayHaveLeft ? unanswered(failure) : .notSent(neverLeft(failure))
    case .answer(let status, let retryAfter, let body):
        switch status {
        case 200..<300: answered(body)
        case 300..<400: redirected(operation, status: status)
        case 400 where operation.isToken, 401 where operation.isToken: .credentialsRefused
        case 401: .unauthorized
        // Gateways say 408 for a server behind them that is merely slow.
        case 408: .uncertain(.serverError(status: status))
        case 429: .throttled(retryAfter: retryAfter)
        case 400..<500: .refused(status: status)
        default: .uncertain(.serverError(status: status))
        }
    }
}

private func neverLeft(_ failure: Observation.Failure) -> NotSent {
    switch failure {
    case .unreachable, .connectionLost: .unreachable
    case .connectTimeout: .connectTimeout
    case .timeout: .timeout
    case .cancelled: .cancelled
    case .guardRefused: .guardRefused
    case .invalidRequest: .invalidRequest
    }
}

private func unanswered(_ failure: Observation.Failure) -> Outcome {
    switch failure {
    // These can only come before the first byte, whatever else was noted.
    case .unreachable: .notSent(.unreachable)
    case .connectTimeout: .notSent(.connectTimeout)
    case .guardRefused: .notSent(.guardRefused)
    case .invalidRequest: .notSent(.invalidRequest)
    case .connectionLost: .uncertain(.connectionLost)
    case .timeout: .uncertain(.timeout)
    case .cancelled: .uncertain(.cancelled)
    }
}

private func answered(_ body: Observation.Body) -> Outcome? {
    switch body {
    case .complete: nil
    case .unreadable: .uncertain(.unreadable)
    case .tooLarge: .uncertain(.tooLarge)
    case .lost: .uncertain(.connectionLost)
    case .timeout: .uncertain(.timeout)
    case .cancelled: .uncertain(.cancelled)
    }
}

/// 307 and 308 say "ask there instead", so nothing happened here. 301, 302 and 303 are also what a server says after it
/// did what a POST wanted.
private func redirected(_ operation: Operation, status: Int) -> Outcome {
    operation.isRead || operation.isToken || status == 307 || status == 308
        ? .refused(status: status) : .uncertain(.redirected(status: status))
}
