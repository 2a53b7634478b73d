import ArgumentParser
import JobQueue
import Postgres

struct IdleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "What a worker costs that has nothing to do."
    )

    @Option(help: "How long to look.") var seconds = 30

    func run() async throws {
        let database = try QueueBenchmark.database()
        let observer = try QueueBenchmark.database(connections: 1)
        let worker = try DrainCommand.worker(database, WorkerConfiguration(), Starts(every: 1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await Task.sleep(for: .seconds(3))
            let begin = try await Meter.read(observer)
            try await Task.sleep(for: .seconds(seconds))
            let end = try await Meter.read(observer)
            let time = (end.time - begin.time).seconds
            QueueBenchmark.report("idle_statements_per_second", (end.statements - begin.statements) / time)
            QueueBenchmark.report("idle_cpu_percent", (end.processorTime - begin.processorTime) / time * 100)
            group.cancelAll()
            // The worker ends by this cancellation.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        await observer.close()
        await database.close()
    }
}
