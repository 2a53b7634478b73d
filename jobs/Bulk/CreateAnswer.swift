import FactPulse

/// What the answer to a create call means for its row. A pure table over ``Outcome``.
package enum CreateAnswer: Sendable, Equatable {
    case done(uid: ClientUID)
    /// The server said no to this row.
    case failed(code: String, message: String)
    /// The server does not let us: 403. It may mean this row, or all of them.
    case denied(code: String, message: String)
    /// Nothing happened: the row is ready again after the wait.
    case again(after: Duration)
    /// The server said no in a way that concerns every row.
    case pause(reason: String)
    /// It may have happened.
    case uncertain(reason: String)

    package init(_ answer: Result<ClientDetail, FactPulseError>) {
        switch answer {
        case .success(let client): self = .done(uid: client.uid)
        case .failure(let error): self.init(error)
        }
    }

    private init(_ error: FactPulseError) {
        let wait = error.retryAfter ?? .seconds(Double.random(in: 1...5))
        switch error.outcome {
        case .notSent, .throttled: self = .again(after: wait)
        case .uncertain: self = .uncertain(reason: "\(error)")
        case .credentialsRefused, .unauthorized: self = .pause(reason: "\(error)")
        case .refused(403): self = .denied(code: error.code ?? "HTTP_403", message: "\(error)")
        case .refused(let status):
            self = .failed(code: error.code ?? "HTTP_\(status)", message: error.message ?? "\(error)")
        }
    }

    /// Whether the server let a call through, whatever it thought of the row.
    var hasPassed: Bool {
        switch self {
        case .done, .failed: true
        case .denied, .again, .pause, .uncertain: false
        }
    }
}
