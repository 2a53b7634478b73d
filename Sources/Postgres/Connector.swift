import CLibpq
import Foundation
import Logging
import Synchronization

/// Makes one libpq session.
enum Connector {
    /// A session on its way from the thread that made it to the channel that keeps it.
    private struct Made: @unchecked Sendable {
        let session: OpaquePointer
    }

    /// - Throws: ``PostgresError`` of kind `.unavailable`, `.authenticationFailed`, `.refused` or `.cancelled`. Nothing
    ///   is left open then.
    static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger,
        onEvent: (@Sendable (Channel.Event) -> Void)? = nil
    ) async throws(PostgresError) -> Channel {
        let cancelled = Cancelled()
        let made = await withTaskCancellationHandler {
            await onThread { attempt(configuration, cancelled) }
        } onCancel: {
            cancelled.flag.store(true, ordering: .relaxed)
        }
        let channel = Channel(try made.get().session, logger: logger, onEvent: onEvent)
        Reactor.shared.add(channel)
        return channel
    }

    private final class Cancelled: Sendable {
        let flag = Atomic(false)
    }

    private static func attempt(
        _ configuration: PostgresConfiguration,
        _ cancelled: Cancelled
    ) -> Result<Made, PostgresError> {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        guard let session = start(configuration.parameters) else {
            return .failure(PostgresError(.unavailable, "out of memory for a connection"))
        }
        // With the codes in its messages a failure is told apart whatever the server's language.
        PQsetErrorVerbosity(session, PQERRORS_VERBOSE)
        var step = PGRES_POLLING_WRITING
        while PQstatus(session) != CONNECTION_BAD, step != PGRES_POLLING_OK, step != PGRES_POLLING_FAILED {
            if cancelled.flag.load(ordering: .relaxed) {
                PQfinish(session)
                return .failure(PostgresError(.cancelled, "cancelled while connecting"))
            }
            let left = deadline - .now
            guard left > .zero else {
                PQfinish(session)
                return .failure(timedOut(configuration))
            }
            // The socket may be another one after each step, when a host has several addresses.
            let events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
            var socket = pollfd(fd: PQsocket(session), events: Int16(events), revents: 0)
            // Short waits, so that a cancelled task is noticed.
            if poll(&socket, 1, Int32(min(left, .milliseconds(100)).milliseconds)) > 0 {
                step = PQconnectPoll(session)
            }
        }
        guard PQstatus(session) == CONNECTION_OK, PQsetnonblocking(session, 1) == 0 else {
            defer { PQfinish(session) }
            return .failure(failure(String(cString: PQerrorMessage(session)), configuration))
        }
        return .success(Made(session: session))
    }

    private static func start(_ parameters: [String: String]) -> OpaquePointer? {
        let pairs = parameters.map { (strdup($0.key), strdup($0.value)) }
        defer {
            for (key, value) in pairs {
                free(key)
                free(value)
            }
        }
        let keys = pairs.map { UnsafePointer<CChar>($0.0) } + [nil]
        let values = pairs.map { UnsafePointer<CChar>($0.1) } + [nil]
        return PQconnectStartParams(keys, values, 0)
    }

    private static func timedOut(_ configuration: PostgresConfiguration) -> PostgresError {
        let (kind, cure) = SQLState.connectionFailure(nil, url: configuration.urlName)
        let message = "no answer within \(configuration.connectTimeout) from \(configuration); \(cure)"
        return PostgresError(kind, message)
    }

    private static func failure(_ words: String, _ configuration: PostgresConfiguration) -> PostgresError {
        let sqlState = sqlState(in: words)
        let (kind, cure) = SQLState.connectionFailure(sqlState, words: words, url: configuration.urlName)
        // Verbose messages end in the place in the server's source.
        let message = words.split(whereSeparator: \.isNewline).first { !$0.hasPrefix("LOCATION") } ?? "no words"
        return PostgresError(kind, "\(message.trimmingCharacters(in: .whitespaces)); \(cure)", sqlState: sqlState)
    }

    /// The code in `FATAL:  28P01: password authentication failed …`. The word before it is in the server's language.
    private static func sqlState(in words: String) -> String? {
        words.split(separator: ":").map { $0.drop(while: \.isWhitespace) }.last { part in
            part.utf8.count == 5 && part.contains(where: \.isNumber)
                && part.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || 65...90 ~= $0 }
        }.map(String.init)
    }
}
