import Foundation
import Logging
import Synchronization

/// A bounded set of connections. Whoever waits is served in the order of asking.
final class ConnectionPool: Watched {
    private enum Turn: Sendable {
        case connection(PostgresConnection)
        /// Room for one more: make it yourself.
        case room
        case failure(PostgresError)
    }

    private struct Waiter {
        let id: UInt64
        let deadline: ContinuousClock.Instant
        let continuation: UnsafeContinuation<Turn, Never>
    }

    private struct State {
        var idle: [PostgresConnection] = []
        /// Idle, in use and being made.
        var count = 0
        /// In the order of asking, which is also the order of their deadlines.
        var waiters: [Waiter] = []
        var isClosed = false
    }

    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let state = Mutex(State())
    private let lastID = Atomic<UInt64>(0)
    private let planAge = Atomic(0)

    init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    var waiting: Int { state.withLock { $0.waiters.count } }

    /// - Throws: ``PostgresError``: `.poolTimeout`, `.cancelled`, `.unusable` after `close`, or why no connection could
    ///   be made.
    func acquire() async throws(PostgresError) -> PostgresConnection {
        let connection = try await take()
        connection.planAge.store(planAge.load(ordering: .relaxed), ordering: .relaxed)
        return connection
    }

    /// See ``Database/forgetPlans()``.
    func forgetPlans() {
        planAge.add(1, ordering: .relaxed)
    }

    private func take() async throws(PostgresError) -> PostgresConnection {
        let id = lastID.add(1, ordering: .relaxed).newValue
        let turn = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                ask(id, continuation)
                if Task.isCancelled { leave(id) }
            }
        } onCancel: {
            leave(id)
        }
        switch turn {
        case .connection(let connection): return connection
        case .failure(let error): throw error
        case .room: return try await connect()
        }
    }

    /// Takes a connection back. One that is broken or still in a transaction is closed.
    func release(_ connection: PostgresConnection) {
        guard connection.channel.isIdle else {
            connection.channel.close()
            return giveRoom()
        }
        let waiter: Waiter? = state.withLock { state in
            guard !state.isClosed else {
                state.count -= 1
                connection.channel.close()
                return nil
            }
            guard !state.waiters.isEmpty else {
                state.idle.append(connection)
                return nil
            }
            return state.waiters.removeFirst()
        }
        waiter?.continuation.resume(returning: .connection(connection))
    }

    /// Closes what is idle now, and the others when they come back. Whoever waits is refused.
    func close() {
        let (idle, waiters) = state.withLock { state in
            state.isClosed = true
            state.count -= state.idle.count
            defer { (state.idle, state.waiters) = ([], []) }
            return (state.idle, state.waiters)
        }
        idle.forEach { $0.channel.close() }
        waiters.forEach { $0.continuation.resume(returning: .failure(Self.closed)) }
        Reactor.shared.remove(self)
    }

    private static let closed = PostgresError(.unusable, "the pool is closed")

    private func connect() async throws(PostgresError) -> PostgresConnection {
        do {
            return try await PostgresConnection.connect(configuration, logger: logger)
        } catch {
            giveRoom()
            throw error
        }
    }

    private func giveRoom() {
        let waiter: Waiter? = state.withLock { state in
            guard !state.waiters.isEmpty else {
                state.count -= 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        waiter?.continuation.resume(returning: .room)
    }

    private func ask(_ id: UInt64, _ continuation: UnsafeContinuation<Turn, Never>) {
        let deadline = ContinuousClock.now + configuration.poolTimeout
        let turn: Turn? = state.withLock { state in
            guard !state.isClosed else { return .failure(Self.closed) }
            // The last one used is the one whose caches are warm. Those that died while idle are dropped here.
            while let connection = state.idle.popLast() {
                if connection.channel.isIdle { return .connection(connection) }
                state.count -= 1
            }
            guard state.count >= configuration.maximumConnections else {
                state.count += 1
                return .room
            }
            state.waiters.append(Waiter(id: id, deadline: deadline, continuation: continuation))
            return nil
        }
        if let turn { return continuation.resume(returning: turn) }
        Reactor.shared.add(self)
        Reactor.shared.wake(by: deadline)
    }

    private func leave(_ id: UInt64) {
        let waiter: Waiter? = state.withLock { state in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        let error = PostgresError(.cancelled, "cancelled while waiting for a connection")
        waiter?.continuation.resume(returning: .failure(error))
    }

    // MARK: Called by the reactor, for the waiters' deadlines

    func interest() -> Interest {
        state.withLock { Interest(deadline: $0.waiters.first?.deadline) }
    }

    func handle(_ events: Int16, at now: ContinuousClock.Instant) {
        let late: [Waiter] = state.withLock { state in
            let late = state.waiters.prefix { $0.deadline <= now }
            state.waiters.removeFirst(late.count)
            return Array(late)
        }
        let message =
            "all \(configuration.maximumConnections) connections of the pool stayed in use for "
            + "\(configuration.poolTimeout); make the pool larger or the transactions shorter"
        for waiter in late {
            waiter.continuation.resume(returning: .failure(PostgresError(.poolTimeout, message)))
        }
    }
}
