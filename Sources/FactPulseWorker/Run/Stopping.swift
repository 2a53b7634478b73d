import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// What signals do to a worker: the first SIGTERM or SIGINT stops it in good order, whatever it is at, and the second ends it
/// at once. SIGHUP is passed on.
final class Stopping: Sendable {
    private enum State {
        /// It waits for what it needs, and holds nothing yet.
        case starting
        case working(ServiceGroup)
        case stopped
    }

    private let state = Mutex(State.starting)
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// Whether a signal has stopped it.
    var isStopped: Bool {
        state.withLock { if case .stopped = $0 { true } else { false } }
    }

    /// Runs the body, which is cancelled by a signal until it calls ``work(_:)``.
    /// - Throws: what the body throws, unless a signal has ended it.
    func whileListening(
        onHangup: @escaping @Sendable () async -> Void,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask { try await self.listen(onHangup) }
            defer { group.cancelAll() }
            do {
                try await group.next()
            } catch is StoppedWhileStarting {
                group.cancelAll()
                // It ends by its cancellation, with whatever error.
                _ = await group.nextResult()
                logger.info("Stopped while it waited to start")
            }
        }
    }

    /// Runs the services of a worker that has all it needs.
    /// - Throws: `CancellationError` when it was stopped before; what the services throw.
    func work(_ services: ServiceGroup) async throws {
        try state.withLock {
            if case .stopped = $0 { throw CancellationError() }
            $0 = .working(services)
        }
        try await services.run()
    }

    private struct StoppedWhileStarting: Error {}

    private func listen(_ onHangup: @Sendable () async -> Void) async throws {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            if signal == .sighup {
                await onHangup()
                continue
            }
            switch (state.withLock { state in
                defer { state = .stopped }; return state
            }) {
            case .stopped: _exit(128 + signal.rawValue)
            case .starting: throw StoppedWhileStarting()
            case .working(let services):
                logger.info("Stopping: finishing what is held; a second signal ends it at once")
                await services.triggerGracefulShutdown()
            }
        }
        // Signals are heard for as long as the body runs.
        try await Task.sleep(for: .seconds(86_400 * 365))
    }
}
