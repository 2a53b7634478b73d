import FactPulse
import Foundation
import Jobs
import Postgres
import Sandbox
import Synchronization
import TestSupport
import Testing

@Suite(.database, .timeLimit(.minutes(2)))
struct ClientSweepTests {
    @Test(arguments: [FaultRule.Kind.status, .throttle, .cutBefore])
    func `a page that cannot be had is asked for again, not the whole list`(kind: FaultRule.Kind) async throws {
        let fault = FaultRule(kind, on: "listClients") {
            $0.from = 4
            $0.to = 5
            $0.retryAfter = .seconds
            $0.retryAfterSeconds = 0
        }
        try await BulkFixture.with(faults: [fault]) { bulk in
            await bulk.server.world.seedClients(450)
            let run = try await bulk.run(BulkFixture.lines(1, from: 1_000))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
            #expect(try await bulk.count("factpulse.sweeps") == 1)
        }
    }

    @Test(arguments: [SandboxOptions.ListOrder.creation, .newestFirst])
    func `a list that grows while it is read is read to its end`(order: SandboxOptions.ListOrder) async throws {
        var options = SandboxOptions()
        options.listOrder = order
        let growth = GrowingGate()
        try await BulkFixture.with(options: options, gate: growth) { bulk in
            await bulk.server.world.seedClients(1_450)
            let run = try await bulk.run(BulkFixture.lines(1, from: 10_000))
            growth.begin(in: bulk.server.world)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 1)
            #expect(try await bulk.count("factpulse.sweeps WHERE outcome = 'complete'") == 1)
            #expect(try await bulk.count("factpulse.sweeps") == 1)
        }
    }

    @Test func `a sweep that fails leaves nothing behind, nor does one whose worker died`() async throws {
        let fault = FaultRule(.errorShape, on: "listClients", status: 403) { $0.from = 3 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            await bulk.server.world.seedClients(450)
            try await bulk.database.execute(
                "INSERT INTO factpulse.sweeps (purpose, began_at) VALUES ('a worker died', now() - interval '2 days')"
            )
            try await bulk.database.execute(
                "INSERT INTO factpulse.sightings SELECT id, gen_random_uuid(), NULL, 'x', true, now(), now() FROM factpulse.sweeps"
            )
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drain()
            #expect(try await bulk.store.run(run)?.state == .paused)
            #expect(try await bulk.count("factpulse.sightings") == 0)
        }
    }
}

/// Before each request, ten new clients.
private final class GrowingGate: RequestGate {
    private let world = Mutex<SandboxWorld?>(nil)

    func begin(in world: SandboxWorld) { self.world.withLock { $0 = world } }

    func admit() async throws(RequestGateClosed) { await world.withLock { $0 }?.seedClients(10) }
    func throttled(retryAfter: Duration?) async {}
    func succeeded() {}
}
