import FactPulse

/// What the answer to a change means for its row. A pure table over ``Outcome``.
enum ChangeAnswer: Sendable, Equatable {
    case done
    /// Nothing was sent: the client is as the row asks for.
    case isSo
    /// The server said no to this row, or did not do what it said.
    case failed(code: String, message: String)
    /// The server does not let us: 401 or 403. It may mean this client, or all of them.
    case denied(code: String, message: String)
    /// Nothing happened: the row is ready again after the wait.
    case again(after: Duration)
    /// The server said no in a way that concerns every row.
    case pause(reason: String)
    /// It may have happened.
    case uncertain(reason: String)

    init(_ sent: Sent) {
        switch sent {
        case .done: self = .done
        case .notApplied(let what): self = .failed(code: "NOT_APPLIED", message: "FactPulse said yes, but \(what)")
        }
    }

    init(_ error: FactPulseError) {
        let wait = error.retryAfter ?? .seconds(Double.random(in: 1...5))
        switch error.outcome {
        case .notSent, .throttled: self = .again(after: wait)
        case .uncertain: self = .uncertain(reason: "\(error)")
        case .credentialsRefused: self = .pause(reason: "\(error)")
        case .unauthorized: self = .denied(code: "HTTP_401", message: "\(error)")
        case .refused(403): self = .denied(code: "HTTP_403", message: "\(error)")
        case .refused(404): self = .failed(code: "CLIENT_NOT_FOUND", message: error.message ?? "\(error)")
        case .refused(let status):
            self = .failed(code: error.code ?? "HTTP_\(status)", message: error.message ?? "\(error)")
        }
    }

    /// Of a read before the call: whatever it failed with, nothing was changed.
    init(beforeTheCall error: FactPulseError) {
        if case .uncertain = error.outcome {
            self = .again(after: error.retryAfter ?? .seconds(5))
        } else {
            self.init(error)
        }
    }

    var isFromTheServer: Bool {
        switch self {
        case .done, .failed, .denied: true
        case .isSo, .again, .pause, .uncertain: false
        }
    }
}
