import Jobs

/// How a command that names a run goes on: shows it, or stays until it is over.
struct BulkFollowing {
    let wait: Bool
    let maxWait: Duration?
    /// Where the result file goes once the run is over.
    let result: String?
    /// What the webhook secrets that the run made are handed to.
    let deliverCommand: String?
    let json: Bool
    /// Whether the run was over before the command began.
    var isRepeated = false

    /// Shows the run; with `wait`, when it is over.
    /// - Throws: ``Failure`` with the exit code of a run that did not end well.
    func end(run: Int64, store: BulkStore, deliver: (Int64) async throws -> Int = { _ in 0 }) async throws {
        do {
            if wait { try await Follower(store: store, run: run, maxWait: maxWait, isSilent: json).follow() }
        } catch let failure as Failure where failure.status == .tryLater && json {
            // Whoever asked for JSON gets how far it is.
            try await show(run, store)
            throw failure
        }
        guard let found = try await store.run(run) else { throw Failure.noRun(run) }
        let counts = try await store.counts(of: run)
        if wait, let result { try await RunRows(store: store, run: found).write(to: result) }
        let undelivered = wait ? try await deliver(run) : 0
        var summary = RunSummary(run: found, counts: counts, health: try await store.health(of: run))
        summary.isRepeated = isRepeated
        try summary.print(asJSON: json)
        guard wait || isRepeated else { return }
        if found.state == .paused { throw Self.paused(found) }
        if undelivered > 0 {
            throw Failure(
                .troubled,
                "\(undelivered.counted("webhook secret")) could not be handed over: mend the command and run this again"
            )
        }
        if counts.troubled > 0 || found.state == .cancelled { throw Failure.silent(.troubled) }
    }

    private func show(_ run: Int64, _ store: BulkStore) async throws {
        guard let found = try await store.run(run) else { return }
        let (counts, health) = (try await store.counts(of: run), try await store.health(of: run))
        try RunSummary(run: found, counts: counts, health: health).print(asJSON: json)
    }

    private static func paused(_ run: BulkRun) -> Failure {
        let reason = run.reason ?? "no reason is known"
        // Runs are paused by refusals that concern every row: of the credentials, or of the account's rights.
        let isRefusal = reason.contains("credentials") || reason.contains("rights")
        return Failure(
            isRefusal ? .credentialsRefused : .unavailable,
            "run \(run.id) is paused (\(reason)): mend the cause, then factpulse-worker bulk-runs retry \(run.id)"
        )
    }
}

extension Failure {
    static func noRun(_ id: Int64) -> Failure {
        Failure(.usage, "there is no run \(id): see factpulse-worker bulk-runs list")
    }
}
