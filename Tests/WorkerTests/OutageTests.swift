import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite
struct OutageTests {
    @Test(.timeLimit(.minutes(2))) func `workers live through a crash of PostgreSQL in the middle of an import`()
        async throws
    {
        let slow = FaultRule(.latency, on: "createClient") { $0.milliseconds = 200 }
        try await WorkerFixture.withPrivatePostgres(faults: [slow], settings: ["FACTPULSE_RATE_LIMIT": "20"]) {
            fixture,
            server in
            let workers = [try await fixture.livingWorker(), try await fixture.livingWorker()]
            let run = try await fixture.importClients(80)
            try await fixture.until("SELECT count(*) >= 20 FROM factpulse.bulk_rows WHERE state = 'done'")
            try await server.crash()
            try await fixture.until("SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)")
            #expect(workers.count { $0.isRunning } == 2)
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 80)
            let ledger = try await fixture.sandbox.ledger()
            #expect(ledger.clients == 80 && ledger.duplicates.isEmpty)
        }
    }

    @Test(.database, .timeLimit(.minutes(2))) func `workers wait for an API that is down, and spend no attempt`()
        async throws
    {
        try await WorkerFixture.with { fixture in
            // Accepted by an API that is up, as an import wants it; then nobody listens there any more.
            let run = try await fixture.importClients(20)
            try await fixture.sandbox.program.die()
            let worker = try await fixture.livingWorker()
            try await worker.waitForLine("A page of the client list is read again")
            let again = try await SandboxProcess.start(Faults(), port: fixture.sandbox.port, in: fixture.programs)
            try await fixture.until("SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)")
            #expect(try await again.ledger().clients == 20)
            #expect(try await fixture.number("SELECT max(attempt) FROM queue.jobs") == 1)
            #expect(try await fixture.number("SELECT count(*) FROM queue.attempts") == 0)
        }
    }
}
