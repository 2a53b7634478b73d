import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// A real process dies at each place of a change, and another one goes on.
@Suite(.database)
struct ChangeCrashTests {
    @Test(
        .timeLimit(.minutes(2)),
        arguments: ["after-intent", "after-answer", "after-answer-written", "after-settling-read", "after-release"]
    )
    func `a worker that dies there leaves every client to be changed once`(_ place: String) async throws {
        // One answer is lost, so that there is something to settle.
        let faults = [FaultRule(.cutAfter, on: "deactivateClient") { $0.to = 1 }]
        try await WorkerFixture.with(faults: faults) { fixture in
            let uids = try await fixture.sandbox.seedClients(6)
            let run = try await fixture.bulk("deactivate", ["uid"] + uids)
            let victim = try fixture.worker("--concurrency", "3", settings: ["FACTPULSE_CRASH_AT": place])
            #expect(try await victim.waitForExit().exit == .signal(SIGKILL))
            // Its silence is certain, so nobody needs to wait for it.
            try await fixture.database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
            #expect(try await fixture.worker("--drain").waitForExit(within: .seconds(90)).exit == .code(0))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 6)
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .zero
            )
            let effects = try await fixture.sandbox.ledger().effects
            #expect(effects.map(\.uid).sorted() == uids.sorted(), "each once")
        }
    }

    @Test(
        .timeLimit(.minutes(2)),
        arguments: [
            "after-key-committed", "after-key-escrowed", "after-intent", "after-answer", "after-answer-written",
            "after-settling-read",
        ]
    )
    func `a worker that dies there while it configures leaves every client one key, which opens its secret`(
        _ place: String
    ) async throws {
        let faults = [FaultRule(.cutAfter, on: "updatePDPConfig") { $0.to = 1 }]
        try await WorkerFixture.with(faults: faults) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(4)
            let lines = WorkerFixture.pdpLines(uids)
            let run = try await fixture.bulk("configure-pdp", lines, settings: custody.settings)
            let crash = custody.settings.merging(["FACTPULSE_CRASH_AT": place]) { $1 }
            let victim = try fixture.worker("--concurrency", "2", settings: crash)
            #expect(try await victim.waitForExit().exit == .signal(SIGKILL))
            try await fixture.database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
            let other = try fixture.worker("--drain", settings: custody.settings)
            #expect(try await other.waitForExit(within: .seconds(90)).exit == .code(0))
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .zero
            )
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 4)
            #expect(try await fixture.clientsWhoseKeyOpens(uids, custody) == 4)
            let effects = try await fixture.sandbox.ledger().effects
            #expect(effects.map(\.uid).sorted() == uids.sorted(), "each once")
        }
    }

    @Test(
        .timeLimit(.minutes(2)),
        arguments: [
            "after-intent", "after-secret", "after-secret-committed", "after-secret-kept", "after-answer-written",
        ]
    )
    func `a worker that dies there while it makes webhook secrets leaves every client the one that is kept`(
        _ place: String
    ) async throws {
        var options = SandboxOptions()
        options.remembersSecrets = true
        try await WorkerFixture.with(options: options) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(4)
            let run = try await fixture.bulk("generate-webhook-secrets", ["uid"] + uids)
            let crash = custody.settings.merging(["FACTPULSE_CRASH_AT": place]) { $1 }
            let victim = try fixture.worker("--concurrency", "1", settings: crash)
            #expect(try await victim.waitForExit().exit == .signal(SIGKILL))
            try await fixture.database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
            let other = try fixture.worker("--drain", settings: custody.settings)
            #expect(try await other.waitForExit(within: .seconds(90)).exit == .code(0))
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .zero
            )
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 4)
            #expect(try await fixture.clientsWhoseWebhookSecretIsKept(uids, custody) == 4)
            // The one that was made and lost was made once more, and no other.
            let lost = ["after-secret", "after-secret-committed"].contains(place)
            let effects = try await fixture.sandbox.ledger().effects.count
            #expect(effects == (lost ? 5 : 4))
        }
    }
}
