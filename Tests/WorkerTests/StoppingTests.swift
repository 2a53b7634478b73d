import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct StoppingTests {
    /// A sandbox that takes its time, so that a signal meets calls in flight.
    private static func slow(_ milliseconds: Int) -> [FaultRule] {
        [FaultRule(.latency, on: "createClient") { $0.milliseconds = milliseconds }]
    }

    /// Waits until this many rows of the run are at the server.
    private func inFlight(_ count: Int, _ fixture: WorkerFixture) async throws {
        try await fixture.until("SELECT count(*) >= \(count) FROM factpulse.bulk_rows WHERE state = 'sending'")
    }

    @Test func `SIGTERM lets calls in flight end, gives back the rest, spends no attempt and exits 0`() async throws {
        try await WorkerFixture.with(faults: Self.slow(1_000)) { fixture in
            let worker = try await fixture.livingWorker("--concurrency", "8")
            _ = try await fixture.importClients(40)
            try await inFlight(8, fixture)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
            let done = try #require(
                await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'")
            )
            #expect((8..<40).contains(done), "what was in flight was answered, and no more was begun")
            #expect(try await fixture.sandbox.ledger().clients == done)
            #expect(
                try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'ready'") == 40 - done
            )
            try await expectNothingHeld(fixture)
        }
    }

    @Test func `calls that outlive the grace of a stopping worker are given back, and still become one client each`()
        async throws
    {
        let settings = [
            "FACTPULSE_SHUTDOWN_GRACE": "0.5", "FACTPULSE_REQUEST_TIMEOUT": "15", "FACTPULSE_SETTLE_GRACE": "2",
        ]
        // Long enough for the first call not to be answered before the eighth is made, on a loaded machine either.
        try await WorkerFixture.with(faults: Self.slow(10_000), settings: settings) { fixture in
            let worker = try await fixture.livingWorker("--concurrency", "8")
            _ = try await fixture.importClients(12)
            try await eventually("eight calls are at the server") {
                try await fixture.sandbox.ledger().byOperation["createClient"]?.count == 8 ? () : nil
            }
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit(within: .seconds(20)).exit == .code(0))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 0)
            try await expectNothingHeld(fixture)

            #expect(try await fixture.worker("--drain").waitForExit().exit == .code(0))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 12)
            let ledger = try await fixture.sandbox.ledger()
            #expect(ledger.clients == 12 && ledger.duplicates.isEmpty)
        }
    }

    /// No lease, no worker, and no attempt spent.
    private func expectNothingHeld(_ fixture: WorkerFixture) async throws {
        #expect(try await fixture.number("SELECT sum(attempt + crashes) FROM queue.jobs WHERE state = 'pending'") == 0)
        #expect(try await fixture.number("SELECT count(*) FROM queue.leases") == 0)
        #expect(try await fixture.number("SELECT count(*) FROM queue.workers") == 0)
        #expect(try await fixture.number("SELECT count(*) FROM queue.attempts") == 0)
    }

    @Test func `a second SIGTERM ends a worker at once`() async throws {
        try await WorkerFixture.with(faults: Self.slow(60_000), settings: ["FACTPULSE_REQUEST_TIMEOUT": "60"]) {
            fixture in
            let worker = try await fixture.livingWorker()
            _ = try await fixture.importClients(1)
            try await inFlight(1, fixture)
            worker.signal(SIGTERM)
            try await worker.waitForLine("Stopping")
            worker.signal(SIGTERM)
            // The call would have taken a minute, and the grace 45 seconds.
            #expect(try await worker.waitForExit(within: .seconds(20)).exit == .code(128 + SIGTERM))
        }
    }

    @Test func `a draining worker does what there is, also what is due later, and exits 0`() async throws {
        let lost = FaultRule(.cutAfter, on: "createClient") { $0.to = 1 }
        try await WorkerFixture.with(faults: [lost]) { fixture in
            let run = try await fixture.importClients(10)
            let worker = try fixture.worker("--drain")
            #expect(try await worker.waitForExit().exit == .code(0))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 10)
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE adopted") == 1)
            #expect(try await fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'") == 0)
            try await fixture.until("SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)")
        }
    }

    @Test func `a draining worker does not wait for a limit that stays closed: it exits 75 and says what is left`()
        async throws
    {
        let closed = FaultRule(.throttle, on: "createClient") {
            ($0.retryAfter, $0.retryAfterSeconds) = (.seconds, 3_000)
        }
        try await WorkerFixture.with(faults: [closed]) { fixture in
            _ = try await fixture.importClients(10)
            let ended = try await fixture.worker("--drain").waitForExit()
            #expect(ended.exit == .code(75), "\(ended.stderr)")
            #expect(ended.errorLine?.contains("10 jobs") == true, "\(ended.stderr)")
            #expect(!ended.stderr.contains("heartbeat"), "\(ended.stderr)")
        }
    }

    @Test func `a draining worker that leaves a job for another day exits 75`() async throws {
        try await WorkerFixture.with { fixture in
            try await fixture.database.execute(
                "SELECT queue.enqueue('finish-run', '{\"run\": 1}', run_at => now() + interval '1 day')"
            )
            let ended = try await fixture.worker("--drain").waitForExit()
            #expect(ended.exit == .code(75) && ended.errorLine?.contains("1 job ") == true, "\(ended.stderr)")
        }
    }

    @Test func `a draining worker whose credentials are refused exits 77, whatever there is to do`() async throws {
        try await WorkerFixture.with { fixture in
            let wrong = ["FACTPULSE_PASSWORD": "wrong"]
            #expect(try await fixture.worker("--drain", settings: wrong).waitForExit().exit == .code(77))
            let run = try await fixture.importClients(3)
            let ended = try await fixture.worker("--drain", settings: wrong).waitForExit()
            #expect(ended.exit == .code(77) && ended.errorLine?.contains("credentials") == true, "\(ended.stderr)")
            try await fixture.until("SELECT state = 'paused' FROM factpulse.bulk_runs WHERE id = \(run)")
            let blocked = try await fixture.worker("--drain").waitForExit()
            #expect(
                blocked.exit == .code(75) && blocked.errorLine?.contains("1 paused run") == true,
                "\(blocked.stderr)"
            )
        }
    }

    @Test func `a database that is away is given up by a draining worker; another one waits, and obeys SIGTERM`()
        async throws
    {
        try await WorkerFixture.with { fixture in
            let away = ["DATABASE_URL": "postgresql://postgres@127.0.0.1:1/x"]
            let draining = try fixture.worker("--drain", settings: away)
            let endless = try fixture.worker(settings: away)
            try await endless.waitForLine("cannot be reached; trying again")
            endless.signal(SIGTERM)
            let stopped = try await endless.waitForExit()
            #expect(stopped.exit == .code(0) && stopped.stderr.contains("Stopped while it waited"), "\(stopped.stderr)")
            let ended = try await draining.waitForExit(within: .seconds(120))
            #expect(ended.exit == .code(69), "\(ended.stderr)")
        }
    }

    @Test func `a draining worker whose database goes away gives it up`() async throws {
        try await WorkerFixture.withPrivatePostgres(faults: Self.slow(60_000)) { fixture, server in
            _ = try await fixture.importClients(1)
            let worker = try await fixture.livingWorker("--drain")
            try await inFlight(1, fixture)
            try await server.crashForGood()
            #expect(try await worker.waitForExit(within: .seconds(180)).exit == .code(69))
        }
    }
}
