import Jobs
import Synchronization

/// Stays with a run until it is over, and shows how far it is.
final class Follower: Sendable {
    private let store: BulkStore
    private let run: Int64
    private let maxWait: Duration?
    private let line: ProgressLine
    private let seen = Mutex(Seen())

    private struct Seen {
        var trouble: RunHealth.Trouble?
        var wasStuck = false
    }

    init(store: BulkStore, run: Int64, maxWait: Duration?, isSilent: Bool) {
        self.store = store
        self.run = run
        self.maxWait = maxWait
        line = ProgressLine("run \(run)", counting: "rows", isSilent: isSilent)
    }

    /// Returns when the run is finished, cancelled or paused.
    /// - Throws: ``Failure`` of status 75 when interrupted or out of time, and the run goes on; or when nothing goes on
    ///   with it.
    func follow() async throws {
        let vigil = Vigil(
            what: "run \(run)",
            again: "bulk-runs status \(run) --wait",
            maxWait: maxWait,
            line: line,
            livingWorkers: { try await self.store.livingWorkers() }
        )
        try await vigil.keep { try await self.isOver() }
    }

    private func isOver() async throws -> Bool {
        guard let found = try await store.run(run) else { throw Failure.noRun(run) }
        if found.state == .paused { return true }
        let counts = try await store.counts(of: run)
        if found.state == .finished || found.state == .cancelled && counts.open == 0 { return true }
        try await tell(store.health(of: run))
        let over = counts.rows - counts.open
        let unsettled = counts[.uncertain]
        let note =
            unsettled > 0
            ? "\(unsettled.counted("lost answer")) being settled"
            : counts.open == 0 && counts[.duplicate] > 0 ? "another run is sending some of them" : ""
        line.show(
            over,
            part: counts.rows == 0 ? nil : Double(over) / Double(counts.rows),
            // How long settling takes has nothing to do with how fast rows were sent.
            hasETA: counts.open > unsettled,
            note: note
        )
        return false
    }

    /// Says what goes wrong with the run, once.
    private func tell(_ health: RunHealth?) throws {
        guard let health else { return }
        let (news, isStuck) = seen.withLock { seen in
            defer { seen = Seen(trouble: health.trouble, wasStuck: health.isStuck) }
            // Seen twice: between two looks a job may just have handed on to the next.
            return (
                health.trouble?.error == seen.trouble?.error ? nil : health.trouble, health.isStuck && seen.wasStuck
            )
        }
        if let news {
            line.clear()
            Messages.write("run \(run): \(news.sentence)")
        }
        if isStuck {
            throw Failure(.tryLater, "no job goes on with run \(run): factpulse-worker bulk-runs retry \(run)")
        }
    }
}
