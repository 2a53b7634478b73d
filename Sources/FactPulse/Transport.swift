import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1

/// A request, ready to be written.
struct OutgoingRequest: Sendable {
    let operation: Operation
    let url: String
    var headers: HTTPHeaders
    var body: Data?
    /// Everything in it that must not come back in an error text.
    var secrets: [Secret]
}

/// What came of one request.
struct Exchange: Sendable {
    var observation: Observation
    var headers = HTTPHeaders()
    var body = Data()
    /// What failed below HTTP, in words fit for a log.
    var detail: String?
    var guardError: (any Error)?
}

/// Sends one request once, and sees how far it got. Never repeats and never follows a redirect.
struct Transport: Sendable {
    private let http: HTTPClient
    private let maximumBodyBytes: Int
    private let logger: Logger

    init(_ configuration: FactPulseConfiguration, logger: Logger) {
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        settings.httpVersion = .http1Only
        settings.timeout.connect = TimeAmount(configuration.connectTimeout)
        // A connection that cannot be made is known at once, and not after a row of hidden tries.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.maximumConnections
        // Below the 5 s after which uvicorn closes an idle connection: a request that meets a closing one is uncertain.
        settings.connectionPool.idleTimeout = .seconds(4)
        http = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: settings)
        maximumBodyBytes = configuration.maximumBodyBytes
        self.logger = logger
    }

    func shutdown() async throws {
        try await http.shutdown()
    }

    /// - Parameter timeout: For everything: a free connection, the request, the last byte of the answer.
    func exchange(_ request: OutgoingRequest, timeout: Duration, check: Departure.Check?) async -> Exchange {
        await withTaskGroup(of: Exchange?.self) { group in
            group.addTask { await send(request, timeout: timeout, Departure(check: check)) }
            group.addTask {
                let deadline = ContinuousClock.now + timeout
                // In short steps: a sleep that is cancelled keeps its memory until its time would have been over.
                while !Task.isCancelled, ContinuousClock.now < deadline {
                    // Cancelled as soon as there is a result; then it is not a timeout.
                    try? await Task.sleep(for: min(.seconds(1), deadline - .now))
                }
                return nil
            }
            var isLate = false
            while let result = await group.next() {
                guard var exchange = result else {
                    isLate = !Task.isCancelled
                    group.cancelAll()
                    continue
                }
                group.cancelAll()
                if isLate { exchange.observation = exchange.observation.cancelledByTimeout }
                return exchange
            }
            // The group held the exchange, so its result came above.
            return Exchange(observation: .noAnswer(.cancelled, requestMayHaveLeft: true))
        }
    }

    private func send(_ request: OutgoingRequest, timeout: Duration, _ departure: Departure) async -> Exchange {
        guard !request.headers.contains(where: { $0.value.utf8.contains { $0 < 32 || $0 == 127 } }) else {
            return Exchange(observation: .noAnswer(.invalidRequest, requestMayHaveLeft: false))
        }
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = request.operation.method
        outgoing.headers = request.headers
        do {
            try Task.checkCancellation()
            if let body = request.body {
                let content = DepartingBody(bytes: ByteBuffer(bytes: body), departure: departure)
                outgoing.body = .stream(content, length: .known(Int64(body.count)))
            } else {
                try await departure.depart()
            }
            let deadline = NIODeadline.now() + TimeAmount(timeout) + .seconds(1)
            return await read(try await http.execute(outgoing, deadline: deadline, logger: logger))
        } catch {
            let failure = departure.refusal == nil ? TransportFailure(error).failure : .guardRefused
            return Exchange(
                observation: .noAnswer(failure, requestMayHaveLeft: departure.mayHaveLeft),
                detail: failure == .guardRefused ? nil : TransportFailure(error).detail,
                guardError: departure.refusal
            )
        }
    }

    private func read(_ response: HTTPClientResponse) async -> Exchange {
        let status = Int(response.status.code)
        var body = Data()
        var state = Observation.Body.complete
        var detail: String?
        do {
            for try await part in response.body {
                guard body.count + part.readableBytes <= maximumBodyBytes else {
                    state = .tooLarge
                    break
                }
                body.append(contentsOf: part.readableBytesView)
            }
        } catch {
            let failure = TransportFailure(error)
            state = failure.failure == .cancelled ? .cancelled : failure.failure == .timeout ? .timeout : .lost
            detail = failure.detail
        }
        return Exchange(
            observation: .answer(status: status, retryAfter: nil, body: state),
            headers: response.headers,
            body: body,
            detail: detail
        )
    }
}

extension Observation {
    /// The same, when it was our own clock that cancelled the exchange.
    fileprivate var cancelledByTimeout: Observation {
        switch self {
        case .noAnswer(.cancelled, let mayHaveLeft): .noAnswer(.timeout, requestMayHaveLeft: mayHaveLeft)
        case .answer(let status, let retryAfter, .cancelled):
            .answer(status: status, retryAfter: retryAfter, body: .timeout)
        default: self
        }
    }
}
