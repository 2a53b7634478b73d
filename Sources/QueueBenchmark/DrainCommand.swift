import ArgumentParser
import JobQueue
import Postgres

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Runs one worker until the queue is empty."
    )

    @Option(help: "Jobs at once.") var concurrency = 1_000
    @Option(help: "Before the names of the figures.") var prefix = ""

    func run() async throws {
        let database = try QueueBenchmark.database()
        let rows = try await database.query("SELECT count(*) FROM queue.ready")
        let jobs = try rows[0].decode(at: 0, as: Int.self)
        let tenth = max(1, min(100_000, jobs / 10))
        let starts = Starts(every: tenth)
        var configuration = WorkerConfiguration()
        configuration.concurrency = concurrency
        configuration.drain = true
        let worker = try Self.worker(database, configuration, starts)

        let begin = try await Meter.read(database)
        try await worker.run()
        let end = try await Meter.read(database)

        let done = try await database.query(
            "SELECT count(*) FROM queue.jobs WHERE state = 'done' AND result @> '{\"ok\": true}'"
        )
        guard try done[0].decode(at: 0, as: Int.self) == jobs else {
            throw ValidationError("Not every job has ended with its result.")
        }
        QueueBenchmark.report(prefix + "drained_per_second", Double(jobs) / (end.time - begin.time).seconds)
        QueueBenchmark.report(prefix + "drain_wal_bytes", (end.walBytes - begin.walBytes) / Double(jobs))
        QueueBenchmark.report(prefix + "drain_wal_images", (end.walImages - begin.walImages) / Double(jobs))
        QueueBenchmark.report(prefix + "drain_cpu_us", (end.processorTime - begin.processorTime) / Double(jobs) * 1e6)
        QueueBenchmark.report(prefix + "drain_commits", (end.commits - begin.commits) / Double(jobs))
        QueueBenchmark.report(prefix + "drain_statements", (end.statements - begin.statements) / Double(jobs))
        let marks = starts.marks
        if marks.count > 2 {
            QueueBenchmark.report(prefix + "first_part_per_second", Double(tenth) / (marks[1] - marks[0]).seconds)
            let last = marks[marks.count - 1] - marks[marks.count - 2]
            QueueBenchmark.report(prefix + "last_part_per_second", Double(tenth) / last.seconds)
        }
        await database.close()
    }

    /// A worker as factpulse-worker makes it.
    static func worker(_ database: Database, _ configuration: WorkerConfiguration, _ starts: Starts) throws -> Worker {
        let postgres = try QueueBenchmark.postgres()
        var catalogue = JobCatalogue()
        catalogue.add(Noop(starts: starts))
        return Worker(
            store: JobStore(database),
            heartbeats: try QueueBenchmark.database(connections: 2),
            listener: Listener(
                postgres,
                channels: [JobStore.wakeChannel, JobStore.rateChannel],
                logger: QueueBenchmark.logger
            ),
            catalogue: catalogue,
            configuration: configuration,
            logger: QueueBenchmark.logger
        )
    }
}
