import JobQueue
import Postgres

/// Stays with jobs until they have ended.
struct RotationWait {
    private static let interval = Duration.milliseconds(500)
    private static let missesWorkersAfter = Duration.seconds(15)

    let store: JobStore

    /// - Returns: the ended jobs by number; one that the queue does not have any more is not among them.
    func untilEnded(_ jobs: [Int64]) async throws -> [Int64: JobDescription] {
        let line = ProgressLine("rotating", counting: "jobs")
        defer { line.clear() }
        var (ended, waiting, isWarned) = ([Int64: JobDescription](), jobs, false)
        let start = ContinuousClock.now
        while !waiting.isEmpty {
            do {
                var left: [Int64] = []
                for id in waiting {
                    guard let job = try await store.job(id) else { continue }
                    if job.endedAt == nil { left.append(id) } else { ended[id] = job }
                }
                waiting = left
            } catch let error as PostgresError where error.isTransient {
                // The jobs do not depend on us.
                Messages.write("\(error); trying again")
            }
            line.show(ended.count, part: Double(ended.count) / Double(jobs.count))
            if ended.isEmpty, !isWarned, ContinuousClock.now - start > Self.missesWorkersAfter {
                Messages.write("nothing has ended yet; is a worker running, and does it have FACTPULSE_KEK_FILE?")
                isWarned = true
            }
            if !waiting.isEmpty { try await Task.sleep(for: Self.interval) }
        }
        return ended
    }
}
