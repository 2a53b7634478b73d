import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct ClaimTests {
    @Test func `the smallest priority comes first, then the oldest`() async throws {
        let queue = try await QueueFixture()
        let late = try await queue.enqueue(priority: 200)
        let first = try await queue.enqueue(priority: 100)
        let second = try await queue.enqueue(priority: 100)
        let urgent = try await queue.enqueue(priority: 1)
        let worker = try await queue.register()
        #expect(try await queue.claim(10, for: worker).map(\.id) == [urgent, first, second, late])
    }

    @Test func `a claim never takes more than it asked for`() async throws {
        let queue = try await QueueFixture()
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: 500),
            in: queue.database
        )
        let worker = try await queue.register()
        for _ in 0..<20 {
            #expect(try await queue.claim(7, for: worker).count == 7)
        }
        #expect(try await queue.count("queue.leases") == 140)
    }

    @Test func `eight that claim side by side share every job among them, each once`() async throws {
        let queue = try await QueueFixture()
        try await JobStore.enqueueMany(
            QueueFixture.kind,
            arguments: Array(repeating: "{}", count: 2_000),
            in: queue.database
        )
        let claimed = try await withThrowingTaskGroup(of: [ClaimedJob].self) { group in
            for number in 0..<8 {
                group.addTask {
                    let worker = try await queue.register("test:\(number)")
                    var mine: [ClaimedJob] = []
                    while true {
                        let jobs = try await queue.claim(13, for: worker)
                        #expect(jobs.count <= 13)
                        if jobs.isEmpty { return mine }
                        mine += jobs
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claimed.count == 2_000)
        #expect(Set(claimed.map(\.id)).count == 2_000)
        #expect(Set(claimed.map(\.token)).count == 2_000, "no token is given twice")
    }

    @Test func `a worker that was declared dead claims nothing`() async throws {
        let queue = try await QueueFixture()
        try await queue.enqueue()
        let worker = try await queue.register()
        try await queue.silence(worker)
        try await queue.rescue()
        #expect(try await queue.claim(1, for: worker).isEmpty)
        #expect(try await queue.count("queue.ready") == 1)
        #expect(try await JobStore.beat(worker, on: queue.database) == false)
    }

    @Test func `a claim that goes on from its cursor does not walk over what was claimed`() async throws {
        let queue = try await QueueFixture()
        let ids = [try await queue.enqueue(), try await queue.enqueue(), try await queue.enqueue()]
        let worker = try await queue.register()
        let cursor = JobStore.ClaimCursor(priority: 100, jobID: ids[0])
        let claimed = try await queue.store.claim(10, from: "default", after: cursor, for: worker).jobs
        #expect(claimed.map(\.id) == [ids[1], ids[2]])
    }
}
