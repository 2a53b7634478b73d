import JobQueue
import Jobs

/// How the work goes, as one JSON object or one screen.
struct StatusReport: Encodable {
    struct Problem: Encodable {
        let check: String
        let message: String
    }

    struct Worker: Encodable {
        let name: String
        let version: String
        let queues: [String]
        let running: Int
        let concurrency: Int
        let silentSeconds: Double
        let alive: Bool
    }

    struct Jobs: Encodable {
        let kind: String
        let ready: Int
        let scheduled: Int
        let parked: Int
        let running: Int
        let blamed: Int
        let oldestReadySeconds: Double?
        let quarantined: Int
        let failedWithinDay: Int
    }

    struct RateLimit: Encodable {
        let name: String
        let cap: Double
        let rate: Double
        let blockedSeconds: Double
        let throttled: Int
    }

    struct Run: Encodable {
        let run: Int64
        let operation: String
        let state: String
        let file: String
        let rows: Int
        let open: Int
        let needsReview: Int
        let failedWithinDay: Int
        let reason: String?
        /// No job goes on with it.
        let stuck: Bool
        /// Of the job that starts, follows or settles it.
        let lastError: String?
        let attempts: Int?
    }

    struct Sync: Encodable {
        let stream: String
        let account: String
        let ageSeconds: Int?
        let promiseSeconds: Int
        let kept: Bool
        let rows: Int
        let coveragePercent: Double?
        let lastOutcome: String?
    }

    let schemaVersion = 1
    let problems: [Problem]
    let workers: [Worker]
    let jobs: [Jobs]
    let rateLimits: [RateLimit]
    let runs: [Run]
    let syncs: [Sync]

    init(queue: QueueOverview, bulk: BulkOverview, sync: SyncOverview, settings: Settings) {
        let findings: [(Check, Finding)] = [
            (.jobs, QueueChecks.jobs(queue)), (.runs, BulkChecks.runs(bulk)), (.rows, BulkChecks.rows(bulk)),
            (.workers, QueueChecks.workers(queue)), (.rateLimit, QueueChecks.rateLimit(queue, settings)),
            (.batches, QueueChecks.batches(queue)), (.sync, SyncChecks.freshness(sync)),
        ]
        problems = findings.filter { !$0.1.isOK }.map { Problem(check: $0.rawValue, message: $1.message) }
        workers = queue.workers.map(Worker.init)
        jobs = Self.jobs(queue)
        rateLimits = queue.rateLimits.map(RateLimit.init)
        runs = bulk.runs.map(Run.init)
        syncs = sync.streams.map(Sync.init)
    }

    /// One line a kind, be it of jobs that wait or of jobs that ended badly.
    private static func jobs(_ queue: QueueOverview) -> [Jobs] {
        let depths = Dictionary(uniqueKeysWithValues: queue.depths.map { ($0.kind.rawValue, $0) })
        let troubles = Dictionary(uniqueKeysWithValues: queue.troubles.map { ($0.kind.rawValue, $0) })
        return Set(depths.keys).union(troubles.keys).sorted().map { kind in
            Jobs(
                kind: kind,
                ready: depths[kind]?.ready ?? 0,
                scheduled: depths[kind]?.scheduled ?? 0,
                parked: depths[kind]?.parked ?? 0,
                running: depths[kind]?.running ?? 0,
                blamed: depths[kind]?.blamed ?? 0,
                oldestReadySeconds: depths[kind]?.oldestReady?.roundedSeconds,
                quarantined: troubles[kind]?.quarantined ?? 0,
                failedWithinDay: troubles[kind]?.failed ?? 0
            )
        }
    }
}

extension StatusReport.Worker {
    fileprivate init(_ worker: QueueOverview.Worker) {
        name = worker.name
        version = worker.version
        queues = worker.queues
        running = worker.running
        concurrency = worker.concurrency
        silentSeconds = worker.silence.roundedSeconds
        alive = worker.isAlive
    }
}

extension StatusReport.RateLimit {
    fileprivate init(_ limit: QueueOverview.RateLimit) {
        name = limit.name
        cap = limit.cap
        rate = (limit.rate * 100).rounded() / 100
        blockedSeconds = limit.blocked.roundedSeconds
        throttled = limit.throttled
    }
}

extension StatusReport.Run {
    fileprivate init(_ run: BulkOverview.Run) {
        self.run = run.run.id
        operation = run.run.operation.rawValue
        state = run.run.state.rawValue
        file = run.run.fileName
        rows = run.run.rowCount
        self.open = run.open
        needsReview = run.needsReview
        failedWithinDay = run.failed
        reason = run.run.reason
        stuck = run.health.isStuck
        lastError = run.health.trouble?.error
        attempts = run.health.trouble?.attempts
    }
}

extension StatusReport.Sync {
    fileprivate init(_ stream: SyncOverview.Stream) {
        self.stream = stream.name
        account = stream.account
        ageSeconds = stream.age
        promiseSeconds = stream.promise
        kept = stream.isKept
        rows = stream.rows
        coveragePercent = stream.coverage
        lastOutcome = stream.lastOutcome
    }
}

extension Duration {
    /// To a tenth.
    fileprivate var roundedSeconds: Double { (inSeconds * 10).rounded() / 10 }
}
