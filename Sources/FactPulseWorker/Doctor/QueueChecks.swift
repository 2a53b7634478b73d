import JobQueue
import Jobs

/// What is said of the queue, by `doctor` and `status`.
enum QueueChecks {
    static func workers(_ queue: QueueOverview) -> Finding {
        let living = queue.workers.filter(\.isAlive)
        guard !living.isEmpty else {
            let waiting = queue.depths.reduce(0) { $0 + $1.ready + $1.scheduled + $1.parked + $1.running }
            let jobs = waiting > 0 ? ", and \(waiting.counted("job")) wait" : ""
            return .warning("none is running\(jobs): start one with \(start(for: queue))")
        }
        if !queue.unserved.isEmpty {
            let jobs = queue.unserved.map { "\($0.jobs.counted("job")) in \($0.queue)" }.joined(separator: ", ")
            return .warning("no worker serves \(jobs): start one with \(start(for: queue))")
        }
        let foreign = Set(living.map(\.version)).subtracting([FactPulseWorker.version]).sorted()
        guard foreign.isEmpty else {
            return .warning(
                "\(living.counted), some of version \(foreign.joined(separator: ", ")) where this is "
                    + "\(FactPulseWorker.version): bring all hosts to one version"
            )
        }
        return .ok("\(living.counted) of version \(FactPulseWorker.version)")
    }

    /// The command that serves the queues where jobs wait.
    private static func start(for queue: QueueOverview) -> String {
        let names = queue.unserved.map(\.queue)
        let options = names == ["default"] ? "" : names.map { " --queue \($0)" }.joined()
        return "factpulse-worker run\(options)"
    }

    static func rateLimit(_ queue: QueueOverview, _ settings: Settings) -> Finding {
        guard let limit = queue.rateLimits.first(where: { $0.name == settings.account.name }) else {
            return .ok("no worker has run yet for this account")
        }
        let rates = "\(limit.rate.spoken) of \(limit.cap.spoken) requests/s"
        if limit.blocked > .zero {
            return .warning(
                "FactPulse asked to wait, \(limit.blocked.spoken) more: the workers go on by themselves; if it comes "
                    + "often, lower FACTPULSE_RATE_LIMIT; if FactPulse is well again: factpulse-worker status --reopen"
            )
        }
        if limit.rate < limit.cap * 0.99 {
            return .warning(
                "lowered to \(rates) after FactPulse throttled: it rises by itself; if it comes often, lower FACTPULSE_RATE_LIMIT"
            )
        }
        if settings.rateLimit > 0, settings.rateLimit != limit.cap {
            return .warning(
                "the workers use \(limit.cap.spoken) requests/s and FACTPULSE_RATE_LIMIT here is "
                    + "\(settings.rateLimit.spoken): set it alike on all hosts"
            )
        }
        return .ok("\(rates), throttled \(limit.throttled.counted("time")) so far")
    }

    static func jobs(_ queue: QueueOverview) -> Finding {
        let quarantined = queue.troubles.filter { $0.quarantined > 0 }
        if !quarantined.isEmpty {
            let kinds = quarantined.map { "\($0.quarantined.grouped) \($0.kind.rawValue)" }.joined(separator: ", ")
            return .warning(
                "quarantined, because workers died again and again while they ran: \(kinds): see factpulse-worker "
                    + "jobs list --state quarantined, then jobs retry ID"
            )
        }
        let blamed = queue.depths.filter { $0.blamed > 0 }
        if !blamed.isEmpty {
            let kinds = blamed.map { "\($0.blamed.grouped) \($0.kind.rawValue)" }.joined(separator: ", ")
            return .warning(
                "workers died while they ran these, and will run them again: \(kinds): see the log of the worker that died, "
                    + "and factpulse-worker jobs list"
            )
        }
        let failed = queue.troubles.filter { $0.failed > 0 }
        if !failed.isEmpty {
            let kinds = failed.map { "\($0.failed.grouped) \($0.kind.rawValue)" }.joined(separator: ", ")
            return .warning("failed within a day: \(kinds): see factpulse-worker jobs list --state failed")
        }
        return .ok("none is quarantined, none failed within a day")
    }

    static func batches(_ queue: QueueOverview) -> Finding {
        guard queue.emptyBatches > 0 else { return .ok("none is stuck") }
        return .warning(
            "\(queue.emptyBatches.counted("batch", "batches")) ended but not followed up: a running worker does that "
                + "within seconds; if it stays, see its log"
        )
    }
}

extension [QueueOverview.Worker] {
    fileprivate var counted: String { count.counted("worker") }
}
