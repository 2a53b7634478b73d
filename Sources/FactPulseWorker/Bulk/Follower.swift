import Jobs

/// Stays with a run until it is over, and shows how far it is.
struct Follower {
    let store: BulkStore
    let run: Int64
    let maxWait: Duration?
    let isSilent: Bool

    /// Returns when the run is finished, cancelled or paused.
    /// - Throws: ``Failure`` of status 75 when interrupted or out of time; the run goes on.
    func follow() async throws {
        let line = ProgressLine("run \(run)", counting: "rows", isSilent: isSilent)
        let vigil = Vigil(
            what: "run \(run)",
            again: "bulk-runs status \(run) --wait",
            maxWait: maxWait,
            line: line,
            livingWorkers: { try await store.livingWorkers() }
        )
        try await vigil.keep { try await isOver(line) }
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
