import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct VanishedWorkerTests {
    /// Calls take longer than anything that happens here.
    private static let hanging = [FaultRule(.latency, on: "createClient") { $0.milliseconds = 120_000 }]

    @Test(.timeLimit(.minutes(2)), arguments: 0..<Chaos.rescues)
    func `what a killed worker held is soon at work again`(_: Int) async throws {
        try await WorkerFixture.with(faults: Self.hanging, settings: ["FACTPULSE_REQUEST_TIMEOUT": "100"]) { fixture in
            let victim = try await fixture.livingWorker("--concurrency", "4")
            _ = try await fixture.importClients(4)
            try await fixture.until("SELECT count(*) = 4 FROM factpulse.bulk_rows WHERE state = 'sending'")
            _ = try await fixture.livingWorker()
            // Between two beats, anywhere.
            try await Task.sleep(for: .milliseconds(.random(in: 0..<5_000)))
            let killed = ContinuousClock.now
            victim.signal(SIGKILL)
            // Written by the job as it runs in the other worker.
            try await fixture.until("SELECT count(*) = 4 FROM factpulse.bulk_rows WHERE state = 'uncertain'")
            let seconds = (ContinuousClock.now - killed) / .seconds(1)
            try Figures(title: "rescue").expect(
                "seconds from kill -9 to work",
                seconds,
                "at most \(Int(Chaos.rescueLimit))",
                seconds <= Chaos.rescueLimit
            )
            #expect(try await fixture.number("SELECT count(*) FROM queue.attempts WHERE outcome = 'crashed'") == 4)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a worker that was stopped past its rescue writes nothing when it goes on`() async throws {
        // The answer comes while it is stopped: it is the first thing that it reads.
        let faults = [FaultRule(.latency, on: "createClient") { $0.milliseconds = 8_000 }]
        let timeout = Chaos.pause / .seconds(1) + 5
        try await WorkerFixture.with(faults: faults, settings: ["FACTPULSE_REQUEST_TIMEOUT": "\(timeout)"]) { fixture in
            let victim = try await fixture.livingWorker("--concurrency", "8")
            _ = try await fixture.importClients(8)
            try await eventually("all calls are at the server") {
                try await fixture.sandbox.ledger().byOperation["createClient"]?.count == 8 ? () : nil
            }
            let stopped = ContinuousClock.now
            victim.signal(SIGSTOP)
            _ = try await fixture.livingWorker()
            try await Task.sleep(until: stopped + Chaos.pause)
            let before = try await work(fixture)
            #expect(
                before.count == 8 && before.allSatisfy { $0.hasPrefix("uncertain") },
                "others have its jobs: \(before)"
            )
            victim.signal(SIGCONT)
            try await victim.waitForLine("This worker was not heard in time")
            // It is back under a new name: what it had to say under the old one it has said.
            try await eventually("it starts again") { try victim.lines("Worker started").count == 2 ? () : nil }

            let after = try await work(fixture)
            let stale = zip(before, after).count { $0 != $1 }
            let figures = Figures(title: "SIGSTOP for \(Chaos.pause), then SIGCONT")
            try figures.note("jobs in hand", before.count)
            try figures.note("dropped aloud", try victim.lines("Dropped a job").count)
            try figures.expect("stale writes accepted", stale, "0", stale == 0)
            try await fixture.until("SELECT count(*) = 8 FROM factpulse.bulk_rows WHERE state = 'done' AND adopted")
            let clients = try await fixture.sandbox.ledger().clients
            try figures.expect("clients", clients, "8", clients == 8)
        }
    }

    /// Each row and its job, as one text: what a stale write would change.
    private func work(_ fixture: WorkerFixture) async throws -> [String] {
        try await fixture.database.query(
            """
            SELECT concat_ws(' ', r.state, r.uid, r.adopted, r.error, j.state, j.result, j.attempt, j.crashes)
              FROM factpulse.bulk_rows r JOIN queue.jobs j ON j.args ->> 'row' = r.row::text AND j.kind = 'create-client'
             ORDER BY r.row
            """
        ).map { try $0.decode(at: 0, as: String.self) }
    }
}
