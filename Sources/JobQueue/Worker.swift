import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// Runs the jobs of a catalogue until it is told to stop.
///
/// Graceful shutdown: it claims no more, lets running jobs end, gives back the rest with no attempt spent. A worker that
/// the database has not heard for ``WorkerConfiguration/selfFenceAfter`` cancels its jobs, writes nothing more, and
/// starts again under a new name as soon as it can.
package struct Worker: Service {
    private let store: JobStore
    private let heartbeats: Database
    private let listener: Listener?
    private let catalogue: JobCatalogue
    private let configuration: WorkerConfiguration
    private let onNotification: @Sendable (_ channel: String, _ payload: String) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - heartbeats: A pool of its own, so that no burst of work can hold up a beat. Two connections are enough.
    ///   - listener: Hears ``JobStore/wakeChannel`` and ``JobStore/rateChannel``; `nil` polls only.
    ///   - onNotification: Told of every notification, for what else must hear of them.
    package init(
        store: JobStore,
        heartbeats: Database,
        listener: Listener?,
        catalogue: JobCatalogue,
        configuration: WorkerConfiguration,
        logger: Logger,
        onNotification: @escaping @Sendable (_ channel: String, _ payload: String) -> Void = { _, _ in }
    ) {
        self.store = store
        self.heartbeats = heartbeats
        self.listener = listener
        self.catalogue = catalogue
        var configuration = configuration
        configuration.listens = listener != nil
        self.configuration = configuration
        self.logger = logger
        self.onNotification = onNotification
    }

    /// - Throws: what makes starting impossible for good, such as a refused password; with
    ///   ``WorkerConfiguration/givesUpAfter`` also `PostgresError` when the database was away for that long.
    package func run() async throws {
        let stop = StopSignal()
        let wake = WakeUp()
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let listener {
                    group.addTask {
                        for try await event in listener.events {
                            if case .notification(let channel, let payload) = event {
                                onNotification(channel, payload)
                                if channel != JobStore.wakeChannel { continue }
                            }
                            wake.ring()
                        }
                    }
                }
                try await runSessions(stop: stop, wake: wake)
                group.cancelAll()
                // The listener ends by this cancellation.
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        } onGracefulShutdown: {
            stop.set()
            wake.ring()
        }
    }

    private func runSessions(stop: StopSignal, wake: WakeUp) async throws {
        var failures = 0
        var heard = ContinuousClock.now
        while !stop.isSet, !Task.isCancelled {
            do {
                let session = try await WorkerSession.start(
                    store: store,
                    heartbeats: heartbeats,
                    catalogue: catalogue,
                    configuration: configuration,
                    stop: stop,
                    wake: wake,
                    logger: logger
                )
                failures = 0
                defer { heard = .now }
                try await session.run()
                return
            } catch let error as PostgresError where error.isTransient {
                if let limit = configuration.givesUpAfter, ContinuousClock.now - heard >= limit { throw error }
                failures += 1
                logger.error("The database cannot be reached; trying again", metadata: ["error": "\(error)"])
            } catch is WorkerSession.Lost {
                logger.error("This worker was not heard in time; its jobs are given to others and it starts again")
            }
            await stop.wait(atMost: Backoff(base: .milliseconds(200), maximum: .seconds(5)).delay(after: failures))
        }
    }
}

/// What a notification wakes: who claims, and who looks for jobs that have become due.
struct WakeUp: Sendable {
    let claim = Bell()
    let promote = Bell()

    func ring() {
        claim.ring()
        promote.ring()
    }
}

/// Set once, by a graceful shutdown.
final class StopSignal: Sendable {
    private let flag = Mutex(false)
    private let bell = Bell()

    var isSet: Bool { flag.withLock { $0 } }

    func set() {
        flag.withLock { $0 = true }
        bell.ring()
    }

    /// Returns when set, after `limit`, or when cancelled. For one task at a time.
    func wait(atMost limit: Duration) async {
        guard !isSet else { return }
        await bell.wait(atMost: limit)
    }
}
