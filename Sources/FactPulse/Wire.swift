import Foundation
import Logging
import NIOHTTP1
import Synchronization

/// Sends requests past the breaker and judges their answers. It does not know about tokens.
final class Wire: Sendable {
    let configuration: FactPulseConfiguration
    let gate: any RequestGate
    let transport: Transport
    private let logger: Logger
    private let breaker = Mutex(CircuitBreaker())

    init(_ configuration: FactPulseConfiguration, gate: any RequestGate, logger: Logger) {
        self.configuration = configuration
        self.gate = gate
        self.logger = logger
        // The HTTP client's own log lines would repeat ours, and show header values at trace level.
        transport = Transport(configuration, logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    }

    func shutdown() async throws {
        try await transport.shutdown()
    }

    /// How long the breaker still keeps all requests back; `nil` when it does not.
    var closedFor: Duration? { breaker.withLock { $0.closedFor(at: .now) } }

    /// Waits for the gate's permit for one request.
    func admit(_ operation: Operation) async throws(FactPulseError) {
        if Task.isCancelled { throw FactPulseError(operation, .notSent(.cancelled)) }
        if let wait = closedFor {
            throw FactPulseError(operation, .notSent(.breakerOpen(retryAfter: wait)))
        }
        do {
            try await gate.admit()
        } catch {
            let reason: NotSent =
                Task.isCancelled ? .cancelled : .gateClosed(retryAfter: error.retryAfter, reason: error.reason)
            throw FactPulseError(operation, .notSent(reason))
        }
    }

    /// Sends a request that was admitted, once.
    /// - Parameter read: Makes the value of a 2xx body; what it throws makes the answer unreadable.
    func send<Answer: Sendable>(
        _ request: OutgoingRequest,
        timeout: Duration,
        check: Departure.Check?,
        read: (Data) throws -> Answer
    ) async throws(FactPulseError) -> Answer {
        let permit: CircuitBreaker.Permit
        do {
            permit = try breaker.withLock { try $0.permit(at: .now).get() }
        } catch let error as BreakerOpen {
            throw FactPulseError(request.operation, .notSent(.breakerOpen(retryAfter: error.retryAfter)))
        } catch {
            throw FactPulseError(request.operation, .notSent(.invalidRequest))
        }
        let begin = ContinuousClock.now
        var exchange = await transport.exchange(request, timeout: timeout, check: check)
        breaker.withLock { $0.report(CircuitBreaker.Report(exchange.observation), permit, at: .now) }

        let answer = exchange.decode(read)
        // A success has no words to clean, and each secret costs a scrubber hundreds of entries.
        let scrubber = Scrubber(answer == nil ? request.secrets : [])
        let words = ErrorBody(answer == nil ? exchange.body : Data(), scrubber: scrubber)
        exchange.noteRetryAfter(words.message)
        warn(request.operation, exchange)
        let outcome = classify(request.operation, exchange.observation)
        log(request.operation, exchange, outcome, since: begin)
        await tell(gate, exchange.observation)
        if let answer, outcome == nil { return answer }
        throw exchange.error(request.operation, outcome ?? .uncertain(.unreadable), words, scrubber)
    }

    private func warn(_ operation: Operation, _ exchange: Exchange) {
        guard case .answer(_, RetryAfter.longest, _) = exchange.observation else { return }
        logger.warning(
            "FactPulse asks for a very long pause; it is believed for an hour",
            metadata: [
                "api.operation": "\(operation.rawValue)",
                "api.retry_after": "\(exchange.headers.first(name: "Retry-After")?.prefix(60) ?? "in its message")",
            ]
        )
    }

    private func tell(_ gate: any RequestGate, _ observation: Observation) async {
        switch observation {
        case .answer(429, let retryAfter, _): await gate.throttled(retryAfter: retryAfter)
        case .answer(..<500, _, _): gate.succeeded()
        case .answer, .noAnswer: break
        }
    }

    private func log(
        _ operation: Operation,
        _ exchange: Exchange,
        _ outcome: Outcome?,
        since begin: ContinuousClock.Instant
    ) {
        logger.debug(
            "FactPulse request ended",
            metadata: [
                "api.operation": "\(operation.rawValue)",
                "api.status": exchange.status.map { "\($0)" } ?? "none",
                "api.outcome": "\(outcome.map { FactPulseError(operation, $0).label } ?? "done")",
                "api.duration": "\(ContinuousClock.now - begin)",
            ]
        )
    }
}

extension Exchange {
    fileprivate var status: Int? {
        guard case .answer(let status, _, _) = observation else { return nil }
        return status
    }

    /// - Returns: The value of a complete 2xx answer; `nil` for all others, or after noting that it is unreadable.
    fileprivate mutating func decode<Answer>(_ read: (Data) throws -> Answer) -> Answer? {
        guard case .answer(let status, let retryAfter, .complete) = observation, (200..<300).contains(status) else {
            return nil
        }
        do {
            return try read(body)
        } catch {
            observation = .answer(status: status, retryAfter: retryAfter, body: .unreadable)
            detail = unreadableDetail(error)
            // A 2xx body is not an error body: its members could be taken for the server's complaint.
            body = Data()
            return nil
        }
    }

    fileprivate mutating func noteRetryAfter(_ message: String?) {
        guard case .answer(let status, _, let body) = observation, status == 429 || status == 503 else { return }
        let header = headers.first(name: "Retry-After")
        // A date is the server's, so it is read by the server's clock where it shows it.
        let now = headers.first(name: "Date").flatMap(HTTPDate.read) ?? Date()
        let retryAfter = RetryAfter.read(header: header, message: message, now: now)
        observation = .answer(status: status, retryAfter: retryAfter, body: body)
    }

    fileprivate func error(
        _ operation: Operation,
        _ outcome: Outcome,
        _ words: ErrorBody,
        _ scrubber: Scrubber
    ) -> FactPulseError {
        var error = FactPulseError(operation, outcome)
        error.status = status
        error.code = words.code
        error.message = words.message
        error.fields = words.fields
        error.guardError = guardError
        error.detail = detail.map { scrubber.clean($0) }
        if case .answer(503, let retryAfter, _) = observation { error.askedToWait = retryAfter }
        return error
    }
}

/// Where an answer differs from the contract, without any of its values.
private func unreadableDetail(_ error: any Error) -> String {
    let context: DecodingError.Context? =
        switch error as? DecodingError {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): context
        case .keyNotFound(let key, let context):
            DecodingError.Context(codingPath: context.codingPath + [key], debugDescription: "")
        default: nil
        }
    let path = (context?.codingPath ?? []).map { $0.intValue.map(String.init) ?? $0.stringValue }
    return path.isEmpty ? "not the JSON of the contract" : "member \(path.joined(separator: ".")) is missing or wrong"
}
