import Foundation
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct BulkControlTests {
    @Test func `the same file again is the same run, unless another is forced`() async throws {
        try await BulkFixture.with { bulk in
            let lines = BulkFixture.lines(5)
            let run = try await bulk.run(lines)
            #expect(try await bulk.stage(lines) == .known(run: run))
            guard case .new(let second) = try await bulk.stage(lines, forceNew: true) else {
                Issue.record("a forced run is new")
                return
            }
            #expect(second != run)
            try await bulk.drain()
            #expect(await bulk.server.world.report().clients == 5)
        }
    }

    @Test func `a file that somebody else is staging is not waited for in a lock`() async throws {
        try await BulkFixture.with { bulk in
            let lines = BulkFixture.lines(3)
            async let first = bulk.stage(lines)
            var second: BulkStore.Staged?
            // The first one stops where it writes its rows.
            try await bulk.holding("LOCK TABLE factpulse.bulk_rows IN SHARE MODE") {
                try await bulk.untilBlocked()
                second = try await bulk.stage(lines)
                #expect(try await bulk.stage(lines, forceNew: true) == .busy)
            }
            #expect(second == .busy)
            guard case .new(let run) = try await first else {
                Issue.record("the first one is new")
                return
            }
            #expect(try await bulk.stage(lines) == .known(run: run))
            for runs in 2...3 {
                guard case .new = try await bulk.stage(lines, forceNew: true) else {
                    Issue.record("a forced run is new")
                    return
                }
                #expect(try await bulk.count("factpulse.bulk_runs") == runs)
            }
        }
    }

    @Test func `a cancelled run sends no further row`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(50))
            #expect(try await bulk.store.cancel(run) == .done(rows: 50))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.skipped] == 50)
            #expect(try await bulk.creates() == 0)
            #expect(try await bulk.store.cancel(run) == .refused(reason: "run \(run) is cancelled"))
            #expect(try await bulk.store.cancel(999) == .notFound)
            guard case .refused(let reason) = try await bulk.store.retry(run) else {
                Issue.record("a cancelled run stays cancelled")
                return
            }
            #expect(reason.contains("bulk create-clients FILE --force-new"))
        }
    }

    @Test func `a call left without an answer by a vanished worker is settled, not sent again`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(2))
            // As if a worker had died right after the server carried out the call for row 1.
            await bulk.server.world.seedClients([SandboxClient(name: "Autre")])
            try await bulk.release(run)
            await bulk.server.world.seedClients([SandboxClient(name: "Société 1", siret: SandboxWorld.siret(1))])
            try await bulk.database.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'sending', sent_at = now(), settle_until = now() + interval '1 second',
                       attempt = 1, job_id = 0, token = 0 WHERE run_id = \(run) AND row = 1
                """
            )
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 2)
            #expect(try await bulk.rows(run).first?.adopted == true)
            #expect(try await bulk.creates() == 1)
            #expect(await bulk.server.world.report().duplicates.isEmpty)
        }
    }
}
