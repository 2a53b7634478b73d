import Jobs
import Postgres
import UnixSignals

/// Stays with a run until it is over, and shows how far it is.
struct Follower {
    private static let interval = Duration.seconds(1)
    /// Counting the rows of a long run takes a while: this many times longer we then leave the database alone.
    private static let rest = 10
    private static let longestRest = Duration.seconds(10)
    private static let missesWorkersAfter = Duration.seconds(15)

    let store: BulkStore
    let run: Int64
    let maxWait: Duration?
    let isSilent: Bool

    /// Returns when the run is finished, cancelled or paused.
    /// - Throws: ``Failure`` of status 75 when interrupted or out of time; the run goes on.
    func follow() async throws {
        let line = ProgressLine("run \(run)", counting: "rows", isSilent: isSilent)
        defer { line.clear() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await poll(line) }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { throw left("detached") }
                // The sequence ends with this task.
                try await Task.sleep(for: .seconds(86_400 * 365))
            }
            if let maxWait {
                group.addTask {
                    try await Task.sleep(for: maxWait)
                    throw left("not over after \(maxWait.spoken)")
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func left(_ why: String) -> Failure {
        Failure(
            .tryLater,
            "\(why): run \(run) goes on; follow again with: factpulse-worker bulk-runs status \(run) --wait"
        )
    }

    private func poll(_ line: ProgressLine) async throws {
        var seen = ContinuousClock.now
        var isWarned = false
        while true {
            let asked = ContinuousClock.now
            do {
                if try await isOver(line) { return }
                if try await store.livingWorkers() > 0 {
                    seen = .now
                    isWarned = false
                } else if !isWarned, ContinuousClock.now - seen >= Self.missesWorkersAfter {
                    line.clear()
                    Messages.write("no worker is running, so nothing happens; start one: factpulse-worker run")
                    isWarned = true
                }
            } catch let error as PostgresError where error.isTransient {
                // The run does not depend on us.
                line.clear()
                Messages.write("\(error); trying again")
            }
            try await Task.sleep(for: max(Self.interval, min((.now - asked) * Self.rest, Self.longestRest)))
        }
    }

    private func isOver(_ line: ProgressLine) async throws -> Bool {
        guard let found = try await store.run(run) else { throw Failure.noRun(run) }
        if found.state == .paused { return true }
        let counts = try await store.counts(of: run)
        if found.state == .finished || found.state == .cancelled && counts.open == 0 { return true }
        let over = counts.rows - counts.open
        let unsettled = counts[.uncertain]
        let note = unsettled > 0 ? "\(unsettled.counted("lost answer")) being settled" : ""
        line.show(over, part: counts.rows == 0 ? nil : Double(over) / Double(counts.rows), note: note)
        return false
    }
}
