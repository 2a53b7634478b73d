import ArgumentParser
import JobQueue
import Postgres

struct EnqueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue",
        abstract: "Enqueues jobs as a bulk run does: queue.enqueue_many, a slice a statement."
    )

    @Option(help: "How many.") var jobs: Int
    @Option(help: "Jobs a statement.") var slice = 5_000
    @Option(help: "How many concurrency keys they share, 0 for none.") var keys = 0
    @Option(help: "Before the names of the figures.") var prefix = ""

    func run() async throws {
        let database = try QueueBenchmark.database()
        // The connection is there, and its statement known, as in a program that runs.
        try await enqueue(from: 0, count: 1, database)
        try await database.execute("TRUNCATE queue.jobs, queue.ready")
        let begin = try await Meter.read(database)
        for start in stride(from: 0, to: jobs, by: slice) {
            try await enqueue(from: start, count: min(slice, jobs - start), database)
        }
        let end = try await Meter.read(database)
        QueueBenchmark.report(prefix + "enqueued_per_second", Double(jobs) / (end.time - begin.time).seconds)
        QueueBenchmark.report(prefix + "enqueue_wal_bytes", (end.walBytes - begin.walBytes) / Double(jobs))
        QueueBenchmark.report(prefix + "enqueue_cpu_us", (end.processorTime - begin.processorTime) / Double(jobs) * 1e6)
        await database.close()
    }

    private func enqueue(from start: Int, count: Int, _ database: Database) async throws {
        let arguments = (start..<start + count).map { #"{"n": \#($0)}"# }
        let shared = keys == 0 ? nil : (start..<start + count).map { "client:\($0 % keys)" }
        try await JobStore.enqueueMany(Noop.kind, arguments: arguments, concurrencyKeys: shared, in: database)
    }
}
