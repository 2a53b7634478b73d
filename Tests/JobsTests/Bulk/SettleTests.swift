import Foundation
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

/// What becomes of a call whose answer was lost.
@Suite(.database, .timeLimit(.minutes(2)))
struct SettleTests {
    private static let lost = FaultRule(.cutBefore, on: "createClient") { $0.to = 1 }

    @Test func `a client that is listed without its SIRET is not created again`() async throws {
        try await BulkFixture.with(faults: [Self.lost]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            async let worker: Void = bulk.drain()
            try await bulk.server.world.waitForRequests(1, of: .createClient)
            await bulk.server.world.seedClients([SandboxClient(name: "société  1")])
            try await worker
            let row = try #require(try await bulk.rows(run).first)
            #expect(row.state == .needsReview)
            #expect(row.errorCode == "ONLY_NAME_MATCHES")
            #expect(row.candidates.count == 1)
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `a SIRET that is listed with blanks is the same SIRET`() async throws {
        try await BulkFixture.with(faults: [Self.lost]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            async let worker: Void = bulk.drain()
            try await bulk.server.world.waitForRequests(1, of: .createClient)
            let siret = SandboxWorld.siret(1)
            let spaced = "\(siret.prefix(3)) \(siret.dropFirst(3).prefix(6))\u{a0}\(siret.dropFirst(9))"
            await bulk.server.world.seedClients([SandboxClient(name: "Autrement", siret: spaced)])
            try await worker
            #expect(try await bulk.counts(run)[.done] == 1)
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `a client made long before the call was there before`() async throws {
        try await BulkFixture.with(faults: [Self.lost]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            async let worker: Void = bulk.drain()
            try await bulk.until("EXISTS (SELECT FROM factpulse.bulk_rows WHERE state = 'uncertain')")
            await bulk.server.world.seedClients([SandboxClient(name: "Autrement", siret: SandboxWorld.siret(1))])
            try await bulk.database.execute("UPDATE factpulse.bulk_rows SET sent_at = sent_at + interval '2 days'")
            try await worker
            #expect(try await bulk.counts(run)[.exists] == 1)
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `a clock that is hours off does not hide a client that only its name tells`() async throws {
        try await BulkFixture.with(faults: [FaultRule(.cutAfter, on: "createClient")]) { bulk in
            let run = try await bulk.run(["Dupont et fils;"])
            async let worker: Void = bulk.drain()
            try await bulk.until("EXISTS (SELECT FROM factpulse.bulk_rows WHERE state = 'uncertain')")
            try await bulk.database.execute("UPDATE factpulse.bulk_rows SET sent_at = sent_at + interval '3 hours'")
            try await worker
            #expect(try await bulk.counts(run)[.needsReview] == 1)
            #expect(try await bulk.creates() == 1)
        }
    }

    @Test func `a call that nobody can be waiting for any more is settled, whoever holds its lease`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.pretendSending(run)
            await bulk.server.world.seedClients([SandboxClient(name: "Société 1", siret: SandboxWorld.siret(1))])
            try await bulk.database.execute("INSERT INTO queue.leases (job_id, token, worker_id) VALUES (0, 0, 0)")
            try await bulk.database.execute("UPDATE factpulse.bulk_rows SET settle_until = now()")
            try await bulk.database.execute(
                "SELECT queue.enqueue('settle-creates', jsonb_build_object('account', account_id)) FROM factpulse.bulk_runs"
            )
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
            #expect(try await bulk.creates() == 0)
        }
    }

    @Test func `a row that the server answers with an error each time fails after three calls, and can be retried`()
        async throws
    {
        try await BulkFixture.with(faults: [FaultRule(.status, on: "createClient", status: 500)]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drain()
            let row = try #require(try await bulk.rows(run).first)
            #expect(row.state == .failed)
            #expect(row.errorCode == "NEVER_CREATED")
            #expect(try await bulk.creates() == 3)
            #expect(try await bulk.store.run(run)?.state == .finished)
            try await bulk.server.world.setFaults([])
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
        }
    }

    @Test func `calls that never reached the server are no calls`() async throws {
        let throttle = FaultRule(.throttle, on: "createClient") {
            $0.to = 4
            $0.retryAfter = .seconds
            $0.retryAfterSeconds = 0
        }
        let failure = FaultRule(.status, on: "createClient", status: 500) { $0.to = 1 }
        try await BulkFixture.with(faults: [throttle, failure]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
        }
    }

    @Test func `a call that is held up by a new login does not leave long after its intent`() async throws {
        let expired = FaultRule(.expireTokens, on: "createClient") { $0.to = 1 }
        let slow = ["token", "refreshToken"].map { operation in
            FaultRule(.latency, on: operation) {
                $0.from = operation == "token" ? 2 : 1
                $0.milliseconds = 3_000
            }
        }
        try await BulkFixture.with(faults: [expired] + slow) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
            // The call that got through is not the one that waited for the login.
            let late: SQL =
                "EXISTS (SELECT FROM factpulse.bulk_rows WHERE updated_at >= sent_at + interval '3 seconds')"
            #expect(try await !bulk.holds(late))
        }
    }

    @Test func `an answer that has come is written though the worker is told to stop at once`() async throws {
        let slow = FaultRule(.latency, on: "createClient") { $0.milliseconds = 500 }
        try await BulkFixture.with(faults: [slow]) { bulk in
            let run = try await bulk.run(BulkFixture.lines(1))
            let worker = Task { try await bulk.drain() }
            try await bulk.server.world.waitForRequests(1, of: .createClient)
            try await bulk.holding("SELECT FROM factpulse.bulk_rows WHERE run_id = \(run) FOR UPDATE") {
                try await bulk.untilBlocked()
                worker.cancel()
                // A cancelled statement would stop waiting at once.
                let deadline = ContinuousClock.now + .seconds(1)
                while ContinuousClock.now < deadline, try await bulk.isBlocked { await Task.yield() }
            }
            _ = await worker.result
            #expect(try await bulk.counts(run)[.done] == 1)
        }
    }
}
