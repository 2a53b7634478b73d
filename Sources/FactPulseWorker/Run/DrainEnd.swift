import JobQueue
import Jobs
import Postgres

/// How `run --drain` ends: well only where nothing is left.
struct DrainEnd {
    let database: Database
    let queues: [String]
    let login: LoginWatch

    /// - Throws: ``Failure``: 77 where the credentials are refused, 75 where work is left that cannot be done now.
    func check() async throws {
        if case .refused(let error) = await login.look() { throw Failure(error) }
        let jobs = try await JobStore(database).openJobs(in: queues)
        let runs = try await BulkStore(database).overview().runs.count { $0.run.state == .paused }
        let left = [
            jobs > 0 ? "\(jobs.counted("job")) that cannot be done now" : nil,
            runs > 0 ? "\(runs.counted("paused run"))" : nil,
        ].compactMap(\.self)
        if left.isEmpty { return }
        throw Failure(
            .tryLater,
            "the worker has ended, and left \(left.joined(separator: " and ")): factpulse-worker status"
        )
    }
}
