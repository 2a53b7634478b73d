import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// See `CrashPoint`: a real process dies at each of these places, and another one goes on.
@Suite(.database)
struct CrashPointTests {
    /// The answer to the first create call is lost, so that there is something to settle.
    private static let faults = [FaultRule(.cutAfter, on: "createClient") { $0.to = 1 }]

    @Test(
        .timeLimit(.minutes(2)),
        arguments: [
            "after-claim", "after-intent", "after-answer", "after-answer-written", "before-end", "before-batch",
            "after-release", "after-seal", "after-sweep", "after-settle",
        ]
    )
    func `a worker that dies there leaves every row to become one client`(_ place: String) async throws {
        try await WorkerFixture.with(faults: Self.faults) { fixture in
            // Only the end of a batch's last member finishes it.
            let rows = place == "before-batch" ? 1 : 6
            let run = try await fixture.importClients(rows)
            let victim = try fixture.worker("--concurrency", "3", settings: ["FACTPULSE_CRASH_AT": place])
            #expect(try await victim.waitForExit().exit == .signal(SIGKILL))
            // Its silence is certain, so nobody needs to wait for it.
            try await fixture.database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
            try await finish(run, of: rows, fixture)
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: ["before-stage-commit", "after-stage"])
    func `an import that dies while it is written is whole or absent, and the same file goes on`(_ place: String)
        async throws
    {
        try await WorkerFixture.with(faults: Self.faults) { fixture in
            let file = try fixture.writeClients(6)
            let died = try await fixture.command(
                "bulk",
                "create-clients",
                file,
                settings: ["FACTPULSE_CRASH_AT": place]
            )
            #expect(died.exit == .signal(SIGKILL))
            let rows = try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows")
            #expect(rows == (place == "after-stage" ? 6 : 0))
            let run = try await fixture.importClients(6)
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_runs") == 1)
            try await finish(run, of: 6, fixture)
        }
    }

    private func finish(_ run: Int64, of rows: Int, _ fixture: WorkerFixture) async throws {
        #expect(try await fixture.worker("--drain").waitForExit(within: .seconds(90)).exit == .code(0))
        #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == rows)
        try await fixture.until("SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)", within: .zero)
        #expect(try await fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'") == 0)
        let ledger = try await fixture.sandbox.ledger()
        #expect(ledger.clients == rows && ledger.duplicates.isEmpty, "\(ledger.clientsBySiret)")
    }
}
