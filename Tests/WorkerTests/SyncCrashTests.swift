import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct SyncCrashTests {
    @Test(
        .timeLimit(.minutes(2)),
        arguments: ["after-sync-sweep", "after-sync-apply", "after-pdp-plan", "after-pdp-answer"]
    )
    func `a worker that dies there leaves a sync that the next one ends`(_ place: String) async throws {
        try await WorkerFixture.with { fixture in
            try await fixture.sandbox.seedClients(60, pdpEvery: 6)
            let isPDP = place.hasPrefix("after-pdp")
            if isPDP { try await fixture.synced("clients") }
            #expect(try await fixture.command("sync", isPDP ? "pdp" : "clients").exit == .code(0))
            let victim = try fixture.worker(settings: ["FACTPULSE_CRASH_AT": place])
            #expect(try await victim.waitForExit().exit == .signal(SIGKILL))
            try await fixture.rescueAtOnce()
            #expect(try await fixture.worker("--drain").waitForExit(within: .seconds(90)).exit == .code(0))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.clients") == 60)
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.client_history") == 60)
            #expect(try await fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'") == 0)
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.pdp_due") == 0)
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.pdp_status_history") == (isPDP ? 60 : 0))
        }
    }

    @Test(.timeLimit(.minutes(10))) func `reading PDP status costs the fewest calls, and killed midway it repeats few`()
        async throws
    {
        let latency = FaultRule(.latency, on: "api") { $0.milliseconds = 20 }
        try await WorkerFixture.with(faults: [latency]) { fixture in
            try await fixture.sandbox.seedClients(Chaos.pdpClients, pdpEvery: 10)
            let configured = Chaos.pdpClients / 10
            try await fixture.synced("clients")
            let before = try await fixture.calls()
            #expect(try await fixture.command("sync", "pdp").exit == .code(0))
            for kill in 1...3 {
                let worker = try fixture.worker()
                // In the middle of what it reads.
                try await fixture.until(
                    "SELECT count(*) >= \(configured * kill / 4) FROM factpulse.pdp_status WHERE _source = 'api'"
                )
                try await worker.die()
                try await fixture.rescueAtOnce()
            }
            #expect(try await fixture.worker("--drain").waitForExit(within: .seconds(300)).exit == .code(0))
            #expect(
                try await fixture.number("SELECT count(*) FROM factpulse.pdp_status WHERE state = 'configured'")
                    == configured
            )
            let killed = try await fixture.calls() - before
            let figures = Figures(title: "sync pdp: \(Chaos.pdpClients) clients, \(configured) configured, 3 kills")
            // Two calls a client; tokens are asked for anew by each worker.
            try figures.note("calls", killed)
            let slices = try #require(
                try await fixture.number("SELECT count(*) FROM queue.jobs WHERE kind = 'sync-pdp-slice'")
            )
            let repeated = killed - 2 * configured
            try figures.expect(
                "calls repeated",
                repeated,
                "at most 2 a slice and kill",
                (0...6 * slices).contains(repeated)
            )

            // Nothing changed: nothing is asked. Then one client does.
            #expect(try await fixture.synced("pdp")["due"] as? Int == 0)
            #expect(try await fixture.calls() - before == killed)
        }
    }
}

extension WorkerFixture {
    /// The dead worker's silence is certain, so nobody needs to wait for it.
    fileprivate func rescueAtOnce() async throws {
        try await database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
    }

    /// Calls for PDP and webhook-secret status.
    fileprivate func calls() async throws -> Int {
        let report = try await sandbox.ledger().byOperation
        return ["getPDPConfig", "getWebhookSecretStatus"].reduce(0) { $0 + (report[$1]?.count ?? 0) }
    }
}
