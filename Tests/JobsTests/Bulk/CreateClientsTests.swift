import Foundation
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct CreateClientsTests {
    @Test func `every valid row becomes one client, and its uid is known`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(250) + [";73282932000074", "Sans numéro;123"])
            try await bulk.drain()
            let counts = try await bulk.counts(run)
            #expect(counts[.done] == 250)
            #expect(counts[.rejected] == 2)
            #expect(counts.rows == 252)
            #expect(try await bulk.store.run(run)?.state == .finished)
            let report = await bulk.server.world.report()
            #expect(report.clients == 250)
            #expect(report.duplicates.isEmpty)
            let uids = Set(await bulk.server.world.clients().map(\.uid))
            #expect(Set(try await bulk.rows(run).compactMap(\.uid)) == uids)
        }
    }

    @Test(arguments: [FaultRule.Kind.statusAfter, .cutAfter, .truncate, .notJSON])
    func `an answer lost after the effect is adopted, not repeated`(kind: FaultRule.Kind) async throws {
        let fault = FaultRule(kind, on: "createClient") { $0.to = 5 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(12))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 12)
            #expect(try await bulk.rows(run).count { $0.adopted } == 5)
            #expect(try await bulk.creates() == 12, "nothing was sent twice")
            #expect(await bulk.server.world.report().clients == 12)
        }
    }

    @Test(arguments: [FaultRule.Kind.status, .cutBefore])
    func `a call that had no effect is sent again, after two sweeps that do not see its client`(kind: FaultRule.Kind)
        async throws
    {
        let fault = FaultRule(kind, on: "createClient") { $0.to = 3 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(8))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 8)
            #expect(try await bulk.creates() == 11)
            let report = await bulk.server.world.report()
            #expect(report.clients == 8)
            #expect(report.duplicates.isEmpty)
            #expect(
                try await bulk.database.query("SELECT FROM factpulse.sweeps WHERE purpose = 'settle-creates'").count
                    >= 2
            )
        }
    }

    @Test func `an effect that comes after the caller gave up is waited for`() async throws {
        let fault = FaultRule(.lateCommit, on: "createClient") {
            $0.to = 4
            $0.delay = 1.7
            $0.hold = 3
        }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(6))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 6)
            #expect(try await bulk.rows(run).count { $0.adopted } == 4)
            #expect(try await bulk.creates() == 6)
            #expect(await bulk.server.world.report().clients == 6)
        }
    }

    @Test func `without a SIRET a lost answer needs a person, and is never sent again`() async throws {
        let fault = FaultRule(.cutAfter, on: "createClient")
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(["Dupont et fils;"])
            try await bulk.drain()
            let row = try #require(try await bulk.rows(run).first)
            #expect(row.state == .needsReview)
            #expect(row.errorCode == "ONLY_NAME_MATCHES")
            #expect(row.candidates == (await bulk.server.world.clients().map(\.uid)))
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `clients that the server has are found before the first call`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(150).map { $0.uuidString.lowercased() }
            await bulk.server.world.seedClients([SandboxClient(name: "Dupont  ET Fils")])
            let run = try await bulk.run(BulkFixture.lines(160) + ["Dupont et fils;"])
            try await bulk.drain()
            let counts = try await bulk.counts(run)
            #expect(counts[.exists] == 150)
            #expect(counts[.done] == 10)
            #expect(counts[.needsReview] == 1, "a name alone proves nothing")
            #expect(try await bulk.creates() == 10)
            #expect(try await bulk.rows(run).filter { $0.state == .exists }.compactMap(\.uid) == uids)
        }
    }

    @Test func `two runs with the same SIRETs create each client once`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(BulkFixture.lines(40))
            let second = try await bulk.run(BulkFixture.lines(40, from: 21))
            try await bulk.drain()
            #expect(await bulk.server.world.report().clients == 60)
            #expect(await bulk.server.world.report().duplicates.isEmpty)
            let counts = try await [bulk.counts(first), bulk.counts(second)]
            #expect(counts.allSatisfy { $0.rows == 40 && $0.open == 0 })
            #expect(counts.reduce(0) { $0 + $1[.done] } == 60)
            #expect(
                counts.reduce(0) { $0 + $1[.exists] } == 20,
                "what another run has created exists, whoever ends first"
            )
        }
    }

    @Test func `being throttled spends no attempt`() async throws {
        let fault = FaultRule(.throttle, on: "createClient") {
            $0.to = 30
            $0.retryAfter = .seconds
            $0.retryAfterSeconds = 0
        }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(5))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 5)
            let attempts = try await bulk.database.query(
                "SELECT max(attempt) FROM queue.jobs WHERE kind = 'create-client'"
            )
            #expect(try attempts[0].decode(at: 0, as: Int.self) == 1)
            #expect(try await bulk.database.query("SELECT FROM queue.attempts").isEmpty)
        }
    }

    @Test func `a row that the server refuses fails with the server's reason, and can be retried`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 422) {
            $0.to = 1
            $0.shape = .B
        }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(3))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.failed] == 1)
            let failed = try #require(try await bulk.rows(run).first { $0.state == .failed })
            #expect(failed.errorCode != nil)
            #expect(failed.error?.isEmpty == false)
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 3)
            #expect(await bulk.server.world.report().clients == 3)
        }
    }

    @Test func `a row that alone is denied fails, and the run goes on`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 403) { $0.from = 4 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(5))
            try await bulk.drain()
            let counts = try await bulk.counts(run)
            #expect(counts[.done] == 3 && counts[.failed] == 2)
            #expect(try await bulk.store.run(run)?.state == .finished)
            let error = try #require(try await bulk.rows(run).compactMap(\.error).first)
            #expect(error.contains("403") && error.contains("other rows pass"))
            try await bulk.server.world.setFaults([])
            #expect(try await bulk.store.retry(run) == .done(rows: 2))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 5)
        }
    }

    @Test func `a run whose rows are all denied from some row on is paused`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 403) { $0.from = 4 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(200))
            try await bulk.drain()
            #expect(try await bulk.store.run(run)?.state == .paused)
            #expect(try await bulk.counts(run)[.failed] < 60)
        }
    }

    @Test func `a refusal that concerns every row pauses the run, and it can go on`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 403)
        try await BulkFixture.with(faults: [fault]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(200))
            try await bulk.drain()
            #expect(try await bulk.store.run(run)?.state == .paused)
            #expect(try await bulk.store.run(run)?.reason?.contains("403") == true)
            #expect(try await bulk.creates() < 100, "most rows were never sent")
            #expect(try await bulk.counts(run)[.failed] == 0)
            try await bulk.server.world.setFaults([])
            _ = try await bulk.store.retry(run)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 200)
            #expect(await bulk.server.world.report().clients == 200)
        }
    }
}
