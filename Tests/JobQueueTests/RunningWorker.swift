import Foundation
import Logging
import Postgres
import ServiceLifecycle
import TestSupport
import Testing

@testable import JobQueue

/// The fixture's kind of job, doing what a test wants.
struct TestJob: JobHandler {
    struct Arguments: Codable, Sendable {
        var n: Int?
    }

    static let kind = QueueFixture.kind
    static let policy = JobPolicy(description: "Does what a test wants", arguments: ["n": .optionalNumber])

    let body: @Sendable (Arguments, JobContext) async throws -> JobOutcome

    func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        try await body(arguments, context)
    }
}

extension QueueFixture {
    /// Runs a worker of this process around `body`, and stops it in good order.
    /// - Parameters:
    ///   - database: Where it works; the fixture's own unless given.
    ///   - catalogue: What it runs in place of `job`.
    func withWorker(
        on database: Database? = nil,
        catalogue: JobCatalogue? = nil,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in },
        job: @escaping @Sendable (TestJob.Arguments, JobContext) async throws -> JobOutcome = { _, _ in .completed },
        _ body: () async throws -> Void
    ) async throws {
        var configuration = WorkerConfiguration()
        configuration.pollInterval = .milliseconds(50)
        configuration.shutdownGrace = .seconds(5)
        configure(&configuration)
        var single = JobCatalogue()
        single.add(TestJob(body: job))
        let worker = Worker(
            store: JobStore(database ?? self.database),
            heartbeats: Database(try PostgresConfiguration(url: TestDatabase.current.url), logger: .quiet),
            listener: nil,
            catalogue: catalogue ?? single,
            configuration: configuration,
            logger: .quiet
        )
        let group = ServiceGroup(services: [worker], logger: .quiet)
        async let running: Void = group.run()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await running
        try outcome.get()
    }

    /// Waits until something is so in the database.
    func until(
        _ condition: SQL,
        within limit: Duration = .seconds(20),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if try await database.query("SELECT (\(condition))")[0].decode(at: 0, as: Bool.self) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("not within \(limit): \(condition)", sourceLocation: sourceLocation)
    }
}
