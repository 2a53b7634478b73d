import Logging
import Postgres
import TestSupport

@testable import JobQueue

/// The test's own database with one kind of job in it.
struct QueueFixture {
    static let kind: JobKind = "noop"

    let database: Database
    let store: JobStore

    /// - Parameter database: A pool to the test's database; its own unless given.
    init(
        _ policy: JobPolicy = JobPolicy(description: "Does nothing", arguments: ["n": .optionalNumber]),
        on database: Database? = nil
    ) async throws {
        self.database = database ?? TestDatabase.current.database
        store = JobStore(self.database)
        try await store.declare([(Self.kind, policy)])
    }

    @discardableResult
    func enqueue(
        _ arguments: String = "{}",
        priority: Int = 100,
        uniqueKey: String? = nil,
        concurrencyKey: String? = nil,
        delay: Duration? = nil
    ) async throws -> Int64 {
        try await JobStore.enqueue(
            Self.kind,
            arguments: arguments,
            delay: delay,
            priority: priority,
            uniqueKey: uniqueKey,
            concurrencyKey: concurrencyKey,
            in: database
        )
    }

    func register(_ name: String = "test:1") async throws -> Int64 {
        try await store.register(name: name, version: "test", queues: ["default"], concurrency: 10)
    }

    /// As a worker does that runs nothing: at most one that is under suspicion.
    func claim(_ limit: Int, for worker: Int64) async throws -> [ClaimedJob] {
        let suspects = try await store.claim(1, from: "default", suspects: true, after: .init(), for: worker).jobs
        guard suspects.count < limit else { return suspects }
        return suspects
            + (try await store.claim(limit - suspects.count, from: "default", after: .init(), for: worker).jobs)
    }

    func state(of id: Int64) async throws -> String? {
        try await store.job(id)?.state
    }

    func count(_ table: SQL) async throws -> Int {
        try await database.query("SELECT count(*) FROM \(table)")[0].decode(at: 0, as: Int.self)
    }

    /// Rescues from every worker that is silent.
    @discardableResult
    func rescue() async throws -> [JobStore.Rescue] {
        var rescues: [JobStore.Rescue] = []
        for worker in try await JobStore.silentWorkers(for: .seconds(15), on: database) {
            rescues += [try await JobStore.rescue(worker, silentFor: .seconds(15), on: database)].compactMap(\.self)
        }
        return rescues
    }

    /// Lets a worker look as if it had not beaten for a minute.
    func silence(_ worker: Int64) async throws {
        try await database.execute(
            "UPDATE queue.workers SET beat_at = now() - interval '1 minute' WHERE id = \(worker)"
        )
    }
}
