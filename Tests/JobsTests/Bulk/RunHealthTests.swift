import Foundation
import JobQueue
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// What would let a run hang is bounded, or is told.
@Suite(.database, .timeLimit(.minutes(3)))
struct RunHealthTests {
    private static let lost = FaultRule(.cutAfter, on: "createClient") { $0.to = 1 }

    @Test func `a run whose starting job was cancelled is stuck, until a retry`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(2))
            #expect(try await bulk.store.health(of: run)?.isStuck == false)
            let job = try await bulk.database.query("SELECT max(id) FROM queue.jobs")[0].decode(at: 0, as: Int64.self)
            #expect(try await JobStore(bulk.database).cancel(job) == .done)
            let seen = try #require(try await bulk.store.overview().runs.first)
            #expect(seen.health.isStuck && seen.health.trouble?.kind == "start-run")
            #expect(try await bulk.store.health(of: run) == seen.health)
            _ = try await bulk.store.retry(run)
            #expect(try await bulk.store.health(of: run)?.isStuck == false)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 2)
            #expect(try await bulk.store.overview().runs.isEmpty)
        }
    }

    @Test func `a run is not stuck while its rows have jobs, nor while the job that follows them waits`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.release(run)
            try await bulk.database.execute(
                "UPDATE queue.jobs SET state = 'cancelled', ended_at = now() WHERE kind = 'start-run'"
            )
            #expect(try await bulk.store.health(of: run)?.isStuck == false, "a job of a row waits")
            let jobs = JobStore(bulk.database)
            let row = try #require(try await jobs.list(state: nil, kind: "create-client", limit: 1).first)
            #expect(try await jobs.cancel(row.id) == .done)
            #expect(try await bulk.store.health(of: run)?.isStuck == false, "what follows the batch waits")
            let end = try #require(try await jobs.list(state: nil, kind: "finish-run", limit: 1).first)
            #expect(try await jobs.cancel(end.id) == .done)
            #expect(try await bulk.store.health(of: run)?.isStuck == true)
            _ = try await bulk.store.retry(run)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
        }
    }

    @Test func `a list that shows fewer clients than it counts pauses the run, which says so`() async throws {
        var options = SandboxOptions()
        options.hiddenClients = 1
        try await BulkFixture.with(options: options) { bulk in
            await bulk.server.world.seedClients(3)
            let run = try await bulk.run(BulkFixture.lines(1, from: 10))
            try await bulk.drain()
            let found = try #require(try await bulk.store.run(run))
            #expect(found.state == .paused)
            #expect(found.reason?.contains("it counts 4 clients and shows 3") == true, "\(found.reason ?? "")")
            #expect(try await bulk.creates() == 0)
            await bulk.server.world.setOptions(SandboxOptions())
            _ = try await bulk.store.retry(run)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
        }
    }

    @Test func `lost answers that no complete list settles are given to a person, with what was seen`() async throws {
        try await BulkFixture.with(faults: [Self.lost]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drainWithoutSettling()
            #expect(try await bulk.counts(run)[.uncertain] == 1)
            var options = SandboxOptions()
            options.hiddenClients = 1
            await bulk.server.world.setOptions(options)
            try await bulk.drain()
            let row = try #require(try await bulk.rows(run).first)
            #expect(row.state == .needsReview && row.errorCode == "LIST_INCOMPLETE")
            #expect(row.candidates == (await bulk.server.world.clients().map(\.uid)))
            #expect(try await bulk.store.run(run)?.state == .finished)
            #expect(try await bulk.store.resolve(run: run, line: 2, .client(uid: row.candidates[0])) == .done(rows: 1))
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `credentials that are refused while an answer is settled are told, and nothing is lost`() async throws {
        try await BulkFixture.with(faults: [Self.lost]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drainWithoutSettling()
            try await bulk.server.world.setFaults([FaultRule(.errorShape, on: "listClients", status: 401)])
            async let worker: Void = bulk.drain()
            try await bulk.until("EXISTS (SELECT FROM queue.jobs WHERE kind = 'settle-creates' AND error IS NOT NULL)")
            let trouble = try #require(try await bulk.store.health(of: run)?.trouble)
            #expect(trouble.kind == "settle-creates" && trouble.error.contains("check the credentials"))
            #expect(try await bulk.store.overview().runs.first?.health.trouble?.kind == "settle-creates")
            try await bulk.server.world.setFaults([])
            try await worker
            #expect(try await bulk.counts(run)[.done] == 1)
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `names that no index and no text can hold are read all the same`() async throws {
        try await BulkFixture.with { bulk in
            let long = (1...300).map { _ in UUID().uuidString }.joined()
            await bulk.server.world.seedClients([
                SandboxClient(name: long), SandboxClient(name: long + "é"), SandboxClient(name: "A\0B"),
                SandboxClient(name: String(repeating: "é", count: 5_000)),
            ])
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
        }
    }

    @Test func `rows that failed lately are in the overview`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 422) { $0.shape = .B }
        try await BulkFixture.with(faults: [fault]) { bulk in
            _ = try await bulk.run(BulkFixture.lines(2))
            try await bulk.drain()
            #expect(try await bulk.store.overview().runs.map(\.failed) == [2])
            try await bulk.database.execute("UPDATE factpulse.bulk_rows SET updated_at = now() - interval '25 hours'")
            #expect(try await bulk.store.overview().runs.isEmpty)
        }
    }
}
