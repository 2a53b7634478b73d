import Postgres
import UnixSignals

/// Stays with something that workers do until it is over, and shows how far it is.
struct Vigil {
    private static let interval = Duration.seconds(1)
    /// Counting the rows of something long takes a while: this many times longer we then leave the database alone.
    private static let rest = 10
    private static let longestRest = Duration.seconds(10)
    private static let missesWorkersAfter = Duration.seconds(15)

    /// What goes on without us: "run 3".
    let what: String
    /// The command that comes back to it.
    let again: String
    let maxWait: Duration?
    let line: ProgressLine
    let livingWorkers: @Sendable () async throws -> Int

    /// Returns when `isOver` says so.
    /// - Throws: ``Failure`` of status 75 when interrupted or out of time; the work goes on.
    func keep(until isOver: @escaping @Sendable () async throws -> Bool) async throws {
        defer { line.clear() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await poll(isOver) }
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
        Failure(.tryLater, "\(why): \(what) goes on; follow again with: factpulse-worker \(again)")
    }

    private func poll(_ isOver: () async throws -> Bool) async throws {
        // Nothing is known of a worker yet: that there is none is said at once.
        var seen: ContinuousClock.Instant?
        var isWarned = false
        while true {
            let asked = ContinuousClock.now
            do {
                if try await isOver() { return }
                if try await livingWorkers() > 0 {
                    seen = .now
                    isWarned = false
                } else if !isWarned, seen.map({ .now - $0 >= Self.missesWorkersAfter }) ?? true {
                    line.clear()
                    Messages.write("no worker is running, so nothing happens; start one: factpulse-worker run")
                    isWarned = true
                }
            } catch let error as PostgresError where error.isTransient {
                // The work does not depend on us.
                line.clear()
                Messages.write("\(error); trying again")
            }
            try await Task.sleep(for: max(Self.interval, min((.now - asked) * Self.rest, Self.longestRest)))
        }
    }
}
