import ArgumentParser
import Postgres

struct RoundTripCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "round-trips",
        abstract: "What our libpq layer costs: SELECT $1::int, a pipeline of them, and COPY."
    )

    @Option(help: "Seconds a figure.") var seconds = 3
    @Option(help: "Rows to copy.") var rows = 1_000_000

    func run() async throws {
        for connections in [1, 4, 16] {
            let (rate, cpu) = try await selects(connections)
            QueueBenchmark.report("selects_\(connections)", rate)
            QueueBenchmark.report("select_cpu_us_\(connections)", cpu)
        }
        QueueBenchmark.report("pipelined_selects", try await pipelined(1_000))
        QueueBenchmark.report("copied_rows", try await copied())
    }

    private func selects(_ connections: Int) async throws -> (rate: Double, cpuMicroseconds: Double) {
        let database = try QueueBenchmark.database(connections: connections)
        // Connections are made when first needed: all of them before the clock starts.
        try await selectUntil(.now.advanced(by: .milliseconds(300)), connections, database)
        let begin = try await Meter.read(database)
        let count = try await selectUntil(.now.advanced(by: .seconds(seconds)), connections, database)
        let end = try await Meter.read(database)
        await database.close()
        let cpu = (end.processorTime - begin.processorTime) / Double(count) * 1e6
        return (Double(count) / (end.time - begin.time).seconds, cpu)
    }

    @discardableResult
    private func selectUntil(_ end: ContinuousClock.Instant, _ tasks: Int, _ database: Database) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        let rows = try await database.query("SELECT \(count)::int")
                        guard try rows[0].decode(at: 0, as: Int.self) == count else {
                            throw ValidationError("Another number came back.")
                        }
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
    }

    private func pipelined(_ size: Int) async throws -> Double {
        let database = try QueueBenchmark.database(connections: 1)
        let statements = (0..<size).map { "SELECT \($0)::int" as SQL }
        _ = try await database.pipeline(statements)
        let begin = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - begin < .seconds(seconds) {
            count += try await database.pipeline(statements).count
        }
        let time = (ContinuousClock.now - begin).seconds
        await database.close()
        return Double(count) / time
    }

    private func copied() async throws -> Double {
        let database = try QueueBenchmark.database(connections: 1)
        try await database.execute("CREATE UNLOGGED TABLE IF NOT EXISTS copied (a bigint, b text, c float8)")
        try await database.execute("TRUNCATE copied")
        let begin = ContinuousClock.now
        let count = try await database.transaction { transaction in
            try await transaction.copy(into: "copied", columns: ["a", "b", "c"]) { writer in
                for number in 0..<rows {
                    try await writer.row(number, "some text that is copied", 1.5)
                }
            }
        }
        let time = (ContinuousClock.now - begin).seconds
        await database.close()
        return Double(count) / time
    }
}
