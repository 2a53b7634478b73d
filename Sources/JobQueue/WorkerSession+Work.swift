import Logging
import Postgres

/// Claiming jobs and running them.
extension WorkerSession {
    private static let claimAtMost = 1_000
    /// Between two times that plans are made anew while there is more work than can start: the tables may have grown from
    /// nothing meanwhile.
    private static let replanInterval = Duration.seconds(10)
    /// Between two claims while ``WorkerConfiguration/closedFor``. Jobs that are claimed then mostly come back at once.
    private static let closedInterval = Duration.seconds(5)

    /// Returns when stopped or drained and no job runs any more. Jobs that outlive the grace are cancelled and given
    /// back uncounted.
    func claimAndRun() async throws {
        let cutShort = StopSignal()
        try await withThrowingDiscardingTaskGroup { jobs in
            try await claim(into: &jobs, cutShort: cutShort)
            await slots.waitUntilEmpty(atMost: configuration.shutdownGrace)
            cutShort.set()
            jobs.cancelAll()
        }
    }

    private func claim(into jobs: inout ThrowingDiscardingTaskGroup<any Error>, cutShort: StopSignal) async throws {
        var pace = ClaimPace(
            pollInterval: configuration.pollInterval,
            idlePollInterval: configuration.listens ? configuration.idlePollInterval : configuration.pollInterval
        )
        var failures = 0
        var replanDue = ContinuousClock.now
        var audit = LeaseAudit(interval: configuration.auditInterval)
        while !stop.isSet {
            try Task.checkCancellation()
            do {
                // Here, between two claims: the leases of one under way would look unknown.
                if audit.isDue() { try await giveBackUnknown() }
                await waitWhileClosed()
                if configuration.drain, await isStuck() { return }
                guard let wanted = await freeSlots() else { continue }
                if passedOn.take() { pace.cameBack() }
                let fromHead = pace.isHeadDue
                let suspect = try await claimSuspect()
                start(suspect, in: &jobs, cutShort)
                let (claimed, hasMore) = try await claim(wanted - suspect.count, fromHead: fromHead, &pace)
                failures = 0
                start(claimed, in: &jobs, cutShort)
                if hasMore {
                    if ContinuousClock.now >= replanDue {
                        store.database.forgetPlans()
                        replanDue = .now.advanced(by: Self.replanInterval)
                    }
                    continue
                }
                if !fromHead, pace.wantsHead() { continue }
                if fromHead, claimed.isEmpty, configuration.drain, try await isDrained() { return }
                if await wake.claim.wait(atMost: pace.pause()) { pace.woken() }
            } catch let error as PostgresError where error.isTransient {
                failures += 1
                audit.claimFailed()
                logger.warning("Could not claim jobs; trying again", metadata: ["error": "\(error)"])
                await wake.claim.wait(
                    atMost: Backoff(base: .milliseconds(200), maximum: .seconds(5)).delay(after: failures)
                )
            }
        }
    }

    private func start(
        _ claimed: [ClaimedJob],
        in jobs: inout ThrowingDiscardingTaskGroup<any Error>,
        _ cutShort: StopSignal
    ) {
        if !claimed.isEmpty { CrashPoint.reached("after-claim") }
        held.add(claimed)
        slots.take(claimed.count)
        for job in claimed {
            jobs.addTask { await run(job, cutShort: cutShort) }
        }
    }

    private func waitWhileClosed() async {
        let closed = await configuration.closedFor()
        if closed > .zero { await stop.wait(atMost: min(closed, Self.closedInterval)) }
    }

    /// How many jobs may start now, once it is worth a claim; `nil` when that has to be asked again.
    private func freeSlots() async -> Int? {
        guard completions.count < CompletionBuffer.bound else {
            await slots.waitForNudge()
            return nil
        }
        guard slots.free > 0 else {
            await slots.waitUntilFree(1)
            return nil
        }
        // Jobs that end together are replaced together.
        await slots.waitUntilFree(slots.limit / 4, atMost: .milliseconds(5))
        return min(slots.free, Self.claimAtMost)
    }

    /// - Returns: what was claimed, and whether there may be more to claim at once.
    private func claim(_ wanted: Int, fromHead: Bool, _ pace: inout ClaimPace) async throws
        -> (jobs: [ClaimedJob], hasMore: Bool)
    {
        let begin = ContinuousClock.now
        var claimed: [ClaimedJob] = []
        var hasMore = false
        for queue in configuration.queues where claimed.count < wanted {
            let left = wanted - claimed.count
            let cursor = pace.cursor(of: queue, fromHead: fromHead)
            let found = try await store.claim(left, from: queue, after: cursor, for: id)
            if let last = found.cursor { pace.found(last, in: queue, isFull: found.seen == left) }
            claimed += found.jobs
            hasMore = hasMore || found.seen == left
        }
        if fromHead { pace.claimedFromHead(in: .now - begin) }
        return (claimed, hasMore)
    }

    /// At most one runs here: whatever happens to this worker, nobody else is blamed for it.
    private func claimSuspect() async throws -> [ClaimedJob] {
        guard !held.haveSuspect, suspectsWait.take() else { return [] }
        for queue in configuration.queues {
            let found = try await store.claim(1, from: queue, suspects: true, after: .init(), for: id).jobs
            if !found.isEmpty { return found }
        }
        return []
    }

    private func giveBackUnknown() async throws {
        let count = try await store.giveBack(heldBy: id, except: held.tokens)
        if count > 0 {
            logger.warning(
                "Gave back jobs that were claimed without our knowing",
                metadata: ["jobs": "\(count)"]
            )
        }
    }

    /// A draining worker does not wait for what may take hours: a limit that stays closed, jobs that come back again and
    /// again.
    private func isStuck() async -> Bool {
        guard isIdle else { return false }
        return await max(configuration.closedFor(), lastEnd.age) > configuration.drainPatience
    }

    private var isIdle: Bool { slots.runningCount == 0 && completions.count == 0 }

    private func isDrained() async throws -> Bool {
        guard isIdle else { return false }
        return try await store.isEmpty(configuration.queues, dueWithin: configuration.drainHorizon)
    }

    private func run(_ job: ClaimedJob, cutShort: StopSignal) async {
        defer { slots.release() }
        let context = JobContext(job: job, store: store, logger: logger, liveness: liveness)
        if let outcome = await outcome(of: job, in: context, cutShort: cutShort) {
            completions.append(FinishedJob(job: job, outcome: outcome))
        } else {
            held.remove([job])
        }
    }

    /// - Returns: `nil` when the job is not ours to end any more.
    private func outcome(of job: ClaimedJob, in context: JobContext, cutShort: StopSignal) async -> JobOutcome? {
        guard let entry = catalogue.entries[job.kind] else {
            context.logger.warning("This worker does not know the job's kind and puts it back for a minute")
            return .snooze(.seconds(60))
        }
        do {
            return try await timeLimits.run(atMost: entry.policy.timeout) { try await entry.run(context) }
        } catch let lost as LeaseLost {
            context.logger.warning("Dropped a job", metadata: ["reason": "\(lost)"])
            return nil
        } catch {
            // Cancelled by us: the attempt is not the job's fault and is not counted.
            if Task.isCancelled, !(error is TookTooLong) { return cutShort.isSet ? .snooze(.zero) : nil }
            let isHopeless = (error as? any RetryDecidingError).map { !$0.isWorthRetrying } ?? false
            context.logger.warning(
                isHopeless || job.isLastAttempt ? "Job failed" : "Job will be tried again",
                metadata: ["error": "\(error)"]
            )
            if isHopeless { return .failed(reason: "\(error)") }
            return .retry(after: entry.policy.backoff.delay(after: job.attempt), reason: "\(error)")
        }
    }
}
