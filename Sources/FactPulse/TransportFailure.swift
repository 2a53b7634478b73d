import AsyncHTTPClient
import Foundation
import NIOCore

/// What an error of the HTTP client means for the request.
struct TransportFailure {
    let failure: Observation.Failure
    /// Fit for a log: no header values, which an error of the HTTP client may quote.
    let detail: String

    init(_ error: any Error) {
        failure = Self.failure(of: error)
        if let error = error as? HTTPClientError {
            detail = error.shortDescription
        } else {
            detail = error is CancellationError ? "stopped on this side" : String("\(error)".prefix(300))
        }
    }

    private static func failure(of error: any Error) -> Observation.Failure {
        switch error {
        case is CancellationError: return .cancelled
        case let error as HTTPClientError: return failure(of: error)
        // Of a connection that is up, these two are never said.
        case let error as IOError where [ECONNREFUSED, EADDRNOTAVAIL].contains(error.errnoCode): return .unreachable
        default: break
        }
        // The types belong to modules that this target does not import. Tests pin each of them.
        let type = String(describing: type(of: error))
        if type == "NIOConnectionError" || type == "NIOSSLExtraError" || "\(error)".hasPrefix("handshakeFailed") {
            return .unreachable
        }
        return .connectionLost
    }

    private static func failure(of error: HTTPClientError) -> Observation.Failure {
        switch error {
        case .cancelled, .alreadyShutdown: .cancelled
        case .deadlineExceeded: .timeout
        // The last one: all connections were busy for as long as one may take to be made.
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: .connectTimeout
        case .invalidURL, .emptyHost, .emptyScheme: .invalidRequest
        default: .connectionLost
        }
    }
}
