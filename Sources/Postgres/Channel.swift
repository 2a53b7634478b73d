import CLibpq
import Foundation
import Logging
import Synchronization

/// One libpq session, never blocking: a caller sends under the lock and sleeps, the reactor's thread reads the answer
/// and wakes the caller. One request at a time.
final class Channel: Watched {
    enum Event: Sendable {
        case notification(channel: String, payload: String)
        case closed
    }

    /// Why a request was stopped before its answer.
    enum Stop: Sendable {
        case deadline, cancelled
    }

    /// What a request led to.
    struct Reply: Sendable {
        var results: [QueryResult] = []
        var stop: Stop?
        /// Why nothing was sent, or why the session is over.
        var failure: PostgresError?
    }

    struct State: @unchecked Sendable {
        /// `nil` once closed.
        var session: OpaquePointer?
        var exchange: Exchange?
        /// A cancel request is on its way.
        var isCancelling = false
        /// libpq still holds bytes that the socket did not take.
        var wantsToWrite = false
        var prepared = PreparedStatements()
    }

    /// A continuation to resume after the lock was given back.
    typealias Finished = (continuation: UnsafeContinuation<Reply, Never>, reply: Reply)

    /// After a cancel request, how long the server may take to stop before the session is given up.
    private static let grace = Duration.seconds(2)

    let processID: Int32
    private let state: Mutex<State>
    private let lastID = Atomic<UInt64>(0)
    private let notices: NoticeLog
    private let onEvent: (@Sendable (Event) -> Void)?

    /// - Parameter session: Connected and not blocking. Owned from here on.
    init(_ session: OpaquePointer, logger: Logger, onEvent: (@Sendable (Event) -> Void)?) {
        processID = PQbackendPID(session)
        notices = NoticeLog(logger: logger)
        notices.listen(to: session)
        self.onEvent = onEvent
        state = Mutex(State(session: session))
    }

    /// Whether the session lives and waits for a statement outside of any transaction.
    var isIdle: Bool {
        state.withLock { state in
            state.exchange == nil && state.session.map { PQtransactionStatus($0) == PQTRANS_IDLE } == true
        }
    }

    /// Sends a request and waits for its whole answer.
    ///
    /// - Parameter isShielded: Whether the task's cancellation is ignored, as for COMMIT and ROLLBACK.
    func perform(_ request: Request, within time: Duration, isShielded: Bool = false) async -> Reply {
        let id = lastID.add(1, ordering: .relaxed).newValue
        let deadline = ContinuousClock.now + time
        guard !isShielded else {
            return await withUnsafeContinuation { start(request, id, deadline, $0) }
        }
        guard !Task.isCancelled else {
            return Reply(failure: PostgresError(.cancelled, "cancelled before the statement was sent"))
        }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                start(request, id, deadline, continuation)
                // A cancellation that came before the sending found nothing to stop.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Ends the session. Whoever waits for an answer gets an error.
    func close() {
        update { lose(&$0, "the connection was closed by this program") }
    }

    /// Changes the state, and tells those concerned when the lock is free again.
    private func update(_ change: (inout State) -> Finished?) {
        let (finished, isOver) = state.withLock { state in
            let wasOpen = state.session != nil
            let finished = change(&state)
            return (finished, wasOpen && state.session == nil)
        }
        if isOver {
            Reactor.shared.remove(self)
            onEvent?(.closed)
        }
        finished?.continuation.resume(returning: finished!.reply)
    }

    /// Sends, and sets who waits for the answer in the same step: it could come to nobody otherwise.
    private func start(
        _ request: Request,
        _ id: UInt64,
        _ deadline: ContinuousClock.Instant,
        _ continuation: UnsafeContinuation<Reply, Never>
    ) {
        var wantsToWrite = false
        update { state in
            guard let session = state.session else {
                return (continuation, Reply(failure: PostgresError(.connectionLost, "the connection was closed")))
            }
            guard state.exchange == nil else {
                let message = "another statement is running on this connection: await it first"
                return (continuation, Reply(failure: PostgresError(.unusable, message)))
            }
            var exchange = Exchange(request, id: id, deadline: deadline, continuation: continuation)
            exchange.mayCommit = PQtransactionStatus(session) == PQTRANS_IDLE
            let isSent = request.send(on: session, &state.prepared, &exchange.steps)
            state.exchange = exchange
            defer { wantsToWrite = state.wantsToWrite }
            guard isSent else { return lose(&state, String(cString: PQerrorMessage(session))) }
            // The answer may be here already: a COPY that the server has refused meanwhile.
            return flush(&state, session) ?? read(&state, session, isAlive: true)
        }
        if wantsToWrite {
            Reactor.shared.wake()
        } else {
            Reactor.shared.wake(by: deadline)
        }
    }

    // MARK: Called by the reactor

    func interest() -> Interest {
        state.withLock { state in
            guard let session = state.session else { return Interest() }
            let events = state.wantsToWrite ? POLLIN | POLLOUT : POLLIN
            return Interest(descriptor: PQsocket(session), events: Int16(events), deadline: state.exchange?.deadline)
        }
    }

    func handle(_ events: Int16, at now: ContinuousClock.Instant) {
        update { state in
            guard let session = state.session else { return nil }
            if events != 0 {
                let isAlive = PQconsumeInput(session) == 1
                if let finished = flush(&state, session) ?? read(&state, session, isAlive: isAlive) { return finished }
                guard state.session != nil else { return nil }
            }
            guard let exchange = state.exchange, exchange.deadline <= now else { return nil }
            guard exchange.stop == nil else { return lose(&state, "the server did not stop the statement in time") }
            stop(&state, session, .deadline)
            return nil
        }
    }

    private func flush(_ state: inout State, _ session: OpaquePointer) -> Finished? {
        // -1, too, ends the writing: the reading then tells why.
        state.wantsToWrite = PQflush(session) == 1
        guard case .copyData = state.exchange?.request, !state.wantsToWrite else { return nil }
        return complete(&state)
    }

    /// Takes what has arrived, also from a stream that has ended: the server says why before it hangs up.
    private func read(_ state: inout State, _ session: OpaquePointer, isAlive: Bool) -> Finished? {
        let progress = state.exchange?.reply == nil ? state.exchange?.read(from: session) : nil
        passNotifications(session)
        if case .broken(let why) = progress { return lose(&state, why) }
        // libpq answers for a server that has gone, with an error of its own.
        let isLost = !isAlive || PQstatus(session) == CONNECTION_BAD
        if case .complete = progress, !isLost || state.exchange?.hasSucceeded == true { return complete(&state) }
        return isLost ? lose(&state, String(cString: PQerrorMessage(session))) : nil
    }

    private func passNotifications(_ session: OpaquePointer) {
        while let notification = PQnotifies(session) {
            let channel = String(cString: notification.pointee.relname)
            let payload = String(cString: notification.pointee.extra)
            PQfreemem(notification)
            onEvent?(.notification(channel: channel, payload: payload))
        }
    }

    // MARK: How a request ends

    private func complete(_ state: inout State) -> Finished? {
        guard let exchange = state.exchange else { return nil }
        let reply = exchange.reply ?? Reply(results: exchange.answers(&state.prepared), stop: exchange.stop)
        guard !state.isCancelling else {
            state.exchange?.reply = reply
            return nil
        }
        state.exchange = nil
        return (exchange.continuation, reply)
    }

    /// Gives the session up.
    private func lose(_ state: inout State, _ why: String) -> Finished? {
        guard let session = state.session else { return nil }
        PQfinish(session)
        state.session = nil
        guard let exchange = state.exchange else { return nil }
        state.exchange = nil
        if let reply = exchange.reply { return (exchange.continuation, reply) }
        // The server's own reason, when it gave one, also means that it did not commit. libpq's own has no code.
        let reason = exchange.results.lazy.compactMap(\.error).first { $0.sqlState != nil }
        var failure = reason ?? PostgresError(.connectionLost, why.singleLine)
        failure.kind = .connectionLost
        failure.outcomeUnknown = exchange.mayCommit && reason == nil
        return (exchange.continuation, Reply(stop: exchange.stop, failure: failure))
    }

    /// Stops one request when its task is cancelled.
    private func cancel(_ id: UInt64) {
        update { state in
            guard let session = state.session, let exchange = state.exchange, exchange.id == id, exchange.stop == nil
            else { return nil }
            stop(&state, session, .cancelled)
            return nil
        }
        Reactor.shared.wake(by: .now + Self.grace)
    }

    /// Asks the server to stop. The answer, an error or a late success, is waited for, and the cancel request's end too:
    /// it must not hit the next statement.
    private func stop(_ state: inout State, _ session: OpaquePointer, _ reason: Stop) {
        state.exchange?.stop = reason
        state.exchange?.deadline = .now + Self.grace
        guard let request = CancelRequest(session) else { return }
        state.isCancelling = true
        Thread.detachNewThread { [self] in
            request.send()
            update { state in
                state.isCancelling = false
                return state.exchange?.reply == nil ? nil : complete(&state)
            }
        }
    }
}

/// libpq's handle for cancelling what a session runs. Usable after the session has ended.
private final class CancelRequest: @unchecked Sendable {
    private let handle: OpaquePointer

    init?(_ session: OpaquePointer) {
        guard let handle = PQgetCancel(session) else { return nil }
        self.handle = handle
    }

    deinit {
        PQfreeCancel(handle)
    }

    /// Blocks until the server has passed the request on. When it cannot be reached, the caller's grace time ends the
    /// session instead, so the failure needs no report.
    func send() {
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(handle, &message, Int32(message.count))
    }
}
