import Foundation
import JobQueue
import Jobs
import Postgres
import Synchronization

/// The job of a sync, from the command line's side.
struct SyncJob {
    let store: SyncStore
    let id: Int64
    let options: SyncOptions

    /// Makes the job with `enqueue`.
    /// - Returns: `nil` when nobody is to wait for it, and people have been told where to look. Otherwise its database is
    ///   open: ``close()``.
    /// - Throws: ``SettingsError`` when no credentials are set, before anything has been made; `PostgresError`.
    static func start(_ options: SyncOptions, enqueue: (SyncStore) async throws -> Int64) async throws
        -> SyncJob?
    {
        let settings = try options.common.settings()
        _ = try settings.factPulse()
        let store = SyncStore(try await settings.openOwnDatabase(settings.makeLogger()))
        let job = SyncJob(store: store, id: try await enqueue(store), options: options)
        if options.wait { return job }
        await job.close()
        try job.tellStarted()
        return nil
    }

    func close() async {
        await store.database.close()
    }

    private func tellStarted() throws {
        if options.output.json { return try Output.json(["job": id]) }
        try Output.print("job \(id)")
        Messages.write("what becomes of it: factpulse-worker jobs show \(id)")
    }

    /// Stays until the job has ended.
    /// - Returns: its result.
    /// - Throws: ``Failure`` when it did not end well, or was not waited for to the end.
    func follow<Report: Decodable>(
        _ line: ProgressLine,
        as type: Report.Type,
        progress: @escaping @Sendable () async throws -> SyncStore.Progress
    ) async throws -> Report {
        let ended = Mutex<JobDescription?>(nil)
        try await vigil(line).keep {
            guard let job = try await JobStore(store.database).job(id) else { throw Failure.noJob(id) }
            if job.endedAt != nil {
                ended.withLock { $0 = job }
                return true
            }
            Self.show(try await progress(), line)
            return false
        }
        guard let job = ended.withLock(\.self), job.state == "done", let result = job.result else {
            throw Self.failure(ended.withLock(\.self), id)
        }
        return try JSONDecoder().decode(type, from: Data(result.utf8))
    }

    /// Stays until no client of a plan is still to be read.
    /// - Returns: how many nobody is going to read.
    func followSlices(of plan: SyncPDP.Report, _ line: ProgressLine) async throws -> Int {
        let left = Mutex(0)
        try await vigil(line).keep {
            let (progress, abandoned) = try await store.pdpProgress(sync: plan.sync)
            Self.show(progress, line)
            left.withLock { $0 = abandoned }
            return progress.done + abandoned == plan.due
        }
        return left.withLock(\.self)
    }

    private func vigil(_ line: ProgressLine) -> Vigil {
        Vigil(
            what: "job \(id)",
            again: "jobs show \(id)",
            maxWait: options.maxWait?.duration,
            line: line,
            livingWorkers: { try await store.livingWorkers() }
        )
    }

    private static func show(_ progress: SyncStore.Progress, _ line: ProgressLine) {
        let part = progress.total.map { $0 == 0 ? 1 : min(1, Double(progress.done) / Double($0)) }
        line.show(progress.done, part: part)
    }

    private static func failure(_ job: JobDescription?, _ id: Int64) -> Failure {
        let reason = job?.error ?? "no reason is known"
        let isRefusal = reason.contains("credentials") || reason.contains("rights")
        return Failure(isRefusal ? .credentialsRefused : .unavailable, "job \(id) did not end well: \(reason)")
    }
}

/// What a sync did, as `--json` shows it.
struct SyncAnswer<Report: Encodable>: Encodable {
    let job: Int64
    let report: Report
    var failed: Int?

    private enum Keys: String, CodingKey {
        case schemaVersion, job, failed
    }

    func encode(to encoder: any Encoder) throws {
        // The report's members beside ours.
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(1, forKey: .schemaVersion)
        try container.encode(job, forKey: .job)
        try container.encodeIfPresent(failed, forKey: .failed)
    }
}
