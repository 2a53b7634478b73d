import JobQueue
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// What must not grow with the rows of a run.
@Suite(.database)
struct LargeRunTests {
    /// Joined, this many names and clients took 25 million comparisons: the tables are new, and no statistics said so.
    @Test func `rows without SIRET are compared with the clients by an index`() async throws {
        try await BulkFixture.with { bulk in
            let names = (1...5_000).map { "Société \($0)" }
            await bulk.server.world.seedClients(names.map { SandboxClient(name: $0) })
            let run = try await bulk.run(names.map { "\($0.uppercased());" })
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.needsReview] == 5_000)
            // The sweep's own time is not meant: it ends where the first row is compared.
            let elapsed = try await bulk.database.query(
                """
                SELECT extract(epoch FROM j.ended_at - s.ended_at)::float8
                  FROM queue.jobs j, factpulse.sweeps s WHERE j.kind = 'start-run'
                """
            )
            #expect(try elapsed[0].decode(at: 0, as: Double.self) < 10)
        }
    }

    @Test func `a run whose first jobs still wait gets no second ones`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([SandboxClient(name: "Dupont")])
            let run = try await bulk.run(BulkFixture.lines(60) + ["Dupont;"])
            try await bulk.release(run, review: 61)
            #expect(try await bulk.store.resolve(run: run, row: 61, .create) == .done(rows: 1))
            // What follows a run to its end looks at it when none of them has begun.
            try await bulk.database.execute(
                "SELECT queue.enqueue('finish-run', jsonb_build_object('run', \(run)::bigint), priority => 1)"
            )
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 61)
            #expect(try await bulk.store.run(run)?.state == .finished)
            let jobs = try await bulk.database.query("SELECT count(*) FROM queue.jobs WHERE kind = 'create-client'")
            #expect(try jobs[0].decode(at: 0, as: Int.self) == 61)
        }
    }
}
