/// Who may send a request, and when: the rate limit that all workers share stands behind this.
package protocol RequestGate: Sendable {
    /// Returns when one request may be sent.
    /// - Throws: ``RequestGateClosed`` when the wait would be too long, or the task was cancelled.
    func admit() async throws(RequestGateClosed)

    /// FactPulse answered 429.
    /// - Parameter retryAfter: How long it asked to be left alone, when it said.
    func throttled(retryAfter: Duration?) async

    /// FactPulse answered something other than 429 or a server error. Called for every such answer: must be cheap.
    func succeeded()
}

/// The gate would not let a request through soon enough. Nothing was sent.
package struct RequestGateClosed: Error, Sendable, Equatable {
    /// When to come back, from now.
    package let retryAfter: Duration
    /// Fit for a log.
    package let reason: String

    package init(retryAfter: Duration, reason: String) {
        self.retryAfter = retryAfter
        self.reason = reason
    }
}

/// No limit: every request passes.
package struct OpenGate: RequestGate {
    package init() {}
    package func admit() async throws(RequestGateClosed) {}
    package func throttled(retryAfter: Duration?) async {}
    package func succeeded() {}
}
