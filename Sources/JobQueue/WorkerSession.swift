import Foundation
import Logging
import Metrics
import Postgres
import Synchronization

/// One life of a worker in the database: from its row in `queue.workers` to the loss or the giving back of its leases.
struct WorkerSession: Sendable {
    /// The worker was declared dead, or could not be heard for too long.
    struct Lost: Error {}

    /// What a task of the session was for, told when it ends.
    private enum Part {
        case background, work, flush
    }

    let id: Int64
    let store: JobStore
    let heartbeats: Database
    let catalogue: JobCatalogue
    let configuration: WorkerConfiguration
    let stop: StopSignal
    let wake: WakeUp
    let logger: Logger
    let liveness: Liveness
    let slots: Slots
    let held = HeldLeases()
    /// An ended job may have brought another one back to the head of its queue.
    let passedOn = Flag()
    /// Whether to look for suspects.
    let suspectsWait = Flag()
    let completions = CompletionBuffer()
    let timeLimits = TimeLimits()
    let lastEnd = LastEnd()

    /// Enters the worker among the living. The beat counts from before the row was written.
    static func start(
        store: JobStore,
        heartbeats: Database,
        catalogue: JobCatalogue,
        configuration: WorkerConfiguration,
        stop: StopSignal,
        wake: WakeUp,
        logger: Logger
    ) async throws -> WorkerSession {
        try await store.declare(catalogue.policies)
        let liveness = Liveness(limit: configuration.selfFenceAfter)
        let name = "\(ProcessInfo.processInfo.hostName):\(ProcessInfo.processInfo.processIdentifier)"
        let id = try await store.register(
            name: name,
            version: configuration.version,
            queues: configuration.queues,
            concurrency: configuration.concurrency
        )
        var logger = logger
        logger[metadataKey: "worker.id"] = "\(id)"
        logger.info("Worker started", metadata: ["worker": "\(name)"])
        return WorkerSession(
            id: id,
            store: store,
            heartbeats: heartbeats,
            catalogue: catalogue,
            configuration: configuration,
            stop: stop,
            wake: wake,
            logger: logger,
            liveness: liveness,
            slots: Slots(limit: configuration.concurrency)
        )
    }

    /// Works until stopped or drained; everything that ended is recorded and everything held is given back then.
    /// - Throws: ``Lost``; what was running has been cancelled and nothing more was written.
    func run() async throws {
        try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask {
                try await beat(); return .background
            }
            group.addTask {
                try await rescueOthers(); return .background
            }
            group.addTask {
                try await promoteDue(); return .background
            }
            group.addTask {
                await timeLimits.watch(); return .background
            }
            group.addTask {
                try await flush(); return .flush
            }
            group.addTask {
                try await claimAndRun()
                completions.close()
                return .work
            }
            while let part = try await group.next() {
                guard case .flush = part else { continue }
                group.cancelAll()
                break
            }
        }
        try await store.deregister(id)
        logger.info("Worker stopped")
    }

    // A pause of this process also pauses its beats; the first one after it finds no row, or ``Liveness`` finds it late.
    private func beat() async throws {
        while !Task.isCancelled {
            let sent = ContinuousClock.now
            do {
                guard try await JobStore.beat(id, on: heartbeats), liveness.beat(sentAt: sent) else { throw Lost() }
                try await Task.sleep(for: configuration.heartbeat)
            } catch let error as PostgresError {
                // The end of the session stops it.
                if Task.isCancelled { return }
                logger.warning("A heartbeat failed", metadata: ["error": "\(error)"])
                guard liveness.isAlive else { throw Lost() }
                try await Task.sleep(for: .milliseconds(500))
            }
            guard liveness.isAlive else { throw Lost() }
        }
    }

    private func rescueOthers() async throws {
        var rounds = 0
        while !Task.isCancelled {
            // Jittered, so that a fleet started at once does not ask at once.
            try await Task.sleep(for: configuration.rescueInterval * Double.random(in: 0.8...1.2))
            rounds += 1
            // Wakes the claim loop for its audit of leases, though all slots may be taken for a long time.
            slots.nudge()
            do {
                for worker in try await JobStore.silentWorkers(for: configuration.deadAfter, on: heartbeats) {
                    await rescue(worker)
                }
                if rounds % 4 == 0 { try await JobStore.sweep(on: heartbeats) }
            } catch let error as PostgresError where error.isTransient {
                logger.warning("Could not look for dead workers", metadata: ["error": "\(error)"])
            }
        }
    }

    /// One that cannot be rescued must not hold up the others, so this does not throw.
    private func rescue(_ worker: Int64) async {
        do {
            let silence = configuration.deadAfter
            guard let rescue = try await JobStore.rescue(worker, silentFor: silence, on: heartbeats) else { return }
            if rescue.jobs > 0 { report(rescue) }
        } catch {
            logger.warning("Could not rescue the jobs of a worker that vanished", metadata: ["error": "\(error)"])
        }
    }

    private func report(_ rescue: JobStore.Rescue) {
        logger.warning(
            "Took over from a worker that vanished",
            metadata: ["worker": "\(rescue.worker)", "jobs": "\(rescue.jobs)"]
        )
        if !rescue.ended.isEmpty {
            logger.error(
                "Jobs ended that their workers did not survive; see: factpulse-worker jobs list --state quarantined",
                metadata: ["jobs": "\(rescue.ended.map(String.init).joined(separator: " "))"]
            )
        }
        wake.ring()
    }

    private func promoteDue() async throws {
        let longest = Duration.seconds(5)
        while !Task.isCancelled {
            do {
                let (moved, next, hasSuspects) = try await store.promote(configuration.queues)
                if hasSuspects, !held.haveSuspect {
                    suspectsWait.set()
                    wake.claim.ring()
                }
                if moved > 0 {
                    wake.claim.ring()
                    // This worker may have no slot free.
                    try await store.wakeAll()
                }
                if await wake.promote.wait(atMost: min(next ?? longest, longest)) {
                    // Behind the claim that was woken too, and once for all of a burst.
                    try await Task.sleep(for: .milliseconds(50))
                }
            } catch let error as PostgresError where error.isTransient {
                logger.warning("Could not look for due jobs", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func flush() async throws {
        try await completions.flush(into: store, logger: logger) { accepted, stale in
            let counts = accepted.reduce(into: [FinishedJob.Labels: Int]()) { $0[$1.labels, default: 0] += 1 }
            for (labels, count) in counts {
                Counter(
                    label: "factpulse_worker_jobs_total",
                    dimensions: [("kind", labels.kind.rawValue), ("outcome", labels.outcome)]
                ).increment(by: count)
            }
            for item in stale {
                logger.warning(
                    "A late end of a job was refused: it is another worker's",
                    metadata: ["job.id": "\(item.job.id)"]
                )
            }
            held.remove(accepted.map(\.job) + stale.map(\.job))
            if accepted.contains(where: { !$0.comesBack }) { lastEnd.note() }
            // The next one of its key, or the next suspect, may run.
            let passesOn = accepted.contains { $0.job.concurrencyKey != nil || $0.job.isSuspect }
            if passesOn { passedOn.set() }
            if accepted.contains(where: \.job.isSuspect) { suspectsWait.set() }
            if passesOn || accepted.contains(where: \.comesBack) { wake.ring() }
            slots.nudge()
        }
    }
}

extension FinishedJob {
    fileprivate struct Labels: Hashable {
        let kind: JobKind
        let outcome: String
    }

    fileprivate var labels: Labels {
        let outcome =
            switch self.outcome {
            case .completed: "completed"
            case .retry: job.isLastAttempt ? "failed" : "retry"
            case .snooze: "snoozed"
            case .cancelled: "cancelled"
            case .failed: "failed"
            }
        return Labels(kind: job.kind, outcome: outcome)
    }

    fileprivate var comesBack: Bool {
        switch outcome {
        case .retry, .snooze: true
        case .completed, .cancelled, .failed: false
        }
    }
}
