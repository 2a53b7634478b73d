import FactPulse
import JobQueue
import Jobs
import Logging
import Postgres
import ServiceLifecycle

/// Tries the credentials as soon as the worker starts, says so when they are refused, and makes the database the account's
/// once they are accepted.
struct LoginWatch: Service {
    enum Verdict {
        case accepted
        case refused(FactPulseError)
        /// The API could not be asked.
        case unknown(FactPulseError)
    }

    /// Three refused logins in a row close the API's login to us for a minute anyway.
    private static let interval = Duration.seconds(60)

    let api: FactPulseClient
    /// Nothing but a call tries an API key.
    let needsCall: Bool
    let account: Account
    let database: Database
    let logger: Logger

    func look() async -> Verdict {
        do {
            if needsCall {
                _ = try await api.account.listClients(page: 1, pageSize: 1)
            } else {
                _ = try await api.account.admit(for: .token)
            }
            return .accepted
        } catch {
            switch error.outcome {
            case .credentialsRefused, .unauthorized, .refused(status: 403): return .refused(error)
            default: return .unknown(error)
            }
        }
    }

    /// Has nothing more to do once the credentials were accepted, and ends when it is stopped: a group takes a service that
    /// ends by itself while another one is being stopped for a failure.
    /// - Throws: `OtherAccount` when somebody else has made the database his meanwhile.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await untilAccepted() }
            try await gracefulShutdown()
        } catch let error where (Task.isCancelled || Task.isShuttingDownGracefully) && !(error is OtherAccount) {
            // It is not waited for; whatever it was at ended with an error of its own.
        }
    }

    private func untilAccepted() async throws {
        var isTold = false
        var failures = 0
        while !Task.isCancelled {
            switch await look() {
            case .accepted:
                if isTold { logger.notice("FactPulse accepts the credentials now") }
                return try await bind()
            case .refused(let error):
                if !isTold {
                    logger.error(
                        "FactPulse refuses the credentials: until that is mended this worker can do nothing; it tries again every minute",
                        metadata: ["error": "\(error)", "account": "\(account.name)"]
                    )
                }
                isTold = true
                try await Task.sleep(for: Self.interval)
            case .unknown(let error):
                failures += 1
                if failures == 1 {
                    logger.warning("FactPulse cannot be asked yet", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(
                    for: error.retryAfter
                        ?? Backoff(base: .seconds(1), maximum: Self.interval).delay(after: failures)
                )
            }
        }
    }

    private func bind() async throws {
        _ = try await Patient(limit: nil, logger: logger).ask { try await account.bind(database) }
    }
}
