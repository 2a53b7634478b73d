import ArgumentParser
import JobQueue
import Postgres

struct LatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "From the moment before an enqueue is sent to the moment when its job begins on an idle worker."
    )

    @Option(help: "How many jobs, one at a time.") var samples = 300
    @Option(help: "Before the names of the figures.") var prefix = ""

    func run() async throws {
        let database = try QueueBenchmark.database()
        let starts = Starts(every: 1)
        let worker = try DrainCommand.worker(database, WorkerConfiguration(), starts)
        let enqueuer = try QueueBenchmark.database(connections: 1)
        let bare = try await BareQueue(database: try QueueBenchmark.database(connections: 2))
        var ours: [Double] = []
        var raw: [Double] = []
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            // Until the worker listens and is idle.
            _ = try await sample(enqueuer, starts, number: 1)
            _ = try await bare.sample()
            for number in 2..<samples + 2 {
                // Longer than the window in which a worker that found something looks again, so that it is idle.
                try await Task.sleep(for: .milliseconds(.random(in: 150...400)))
                raw.append(try await bare.sample())
                try await Task.sleep(for: .milliseconds(.random(in: 20...60)))
                ours.append(try await sample(enqueuer, starts, number: number))
            }
            group.cancelAll()
            // The worker ends by this cancellation.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        for (name, times) in [("start", ours), ("bare", raw)] {
            QueueBenchmark.report("\(prefix)\(name)_p50_ms", times.percentile(0.5) * 1_000)
            QueueBenchmark.report("\(prefix)\(name)_p99_ms", times.percentile(0.99) * 1_000)
        }
        await bare.close()
        await enqueuer.close()
        await database.close()
    }

    private func sample(_ database: Database, _ starts: Starts, number: Int) async throws -> Double {
        let begin = ContinuousClock.now
        try await JobStore.enqueue(Noop.kind, arguments: #"{"n": 1}"#, in: database)
        return (await starts.time(of: number) - begin).seconds
    }
}

/// What the bare database takes for the same: one INSERT with its NOTIFY, a session that listens, one claim.
private struct BareQueue {
    let database: Database
    private let events: Listener.Events.Iterator

    init(database: Database) async throws {
        self.database = database
        let listener = Listener(try QueueBenchmark.postgres(), channels: ["bare"], logger: QueueBenchmark.logger)
        events = listener.events.makeAsyncIterator()
        _ = await events.next()
        try await database.execute(
            "CREATE TABLE IF NOT EXISTS bare_jobs (id bigserial PRIMARY KEY, args jsonb NOT NULL)"
        )
        try await database.execute(
            "CREATE TABLE IF NOT EXISTS bare_leases (id bigint PRIMARY KEY, args jsonb NOT NULL)"
        )
    }

    /// - Returns: Seconds.
    func sample() async throws -> Double {
        let (begin, database) = (ContinuousClock.now, database)
        async let inserted = database.query(
            """
            WITH job AS (INSERT INTO bare_jobs (args) VALUES (\(#"{"n": 1}"#)::jsonb) RETURNING id)
            SELECT pg_notify('bare', id::text) FROM job
            """
        )
        _ = await events.next()
        let claimed = try await database.query(
            """
            WITH picked AS (
                DELETE FROM bare_jobs WHERE id IN (SELECT id FROM bare_jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING id, args
            )
            INSERT INTO bare_leases SELECT id, args FROM picked RETURNING id, args
            """
        )
        let took = (ContinuousClock.now - begin).seconds
        _ = try await inserted
        guard claimed.count == 1 else { throw ValidationError("The bare queue lost a job.") }
        return took
    }

    func close() async {
        await database.close()
    }
}
