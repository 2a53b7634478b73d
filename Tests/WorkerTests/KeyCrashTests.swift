import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// A real worker dies at each step of a rotation, and another one takes it up. Nobody does anything in between.
@Suite(.database)
struct KeyCrashTests {
    private static let rotation = SandboxOperation.rotateEncryptionKey.rawValue

    @Test(
        .timeLimit(.minutes(15)),
        arguments: [
            "after-claim", "rotation-key-made", "rotation-key-committed", "escrow-before-fsync",
            "escrow-synced", "rotation-key-escrowed", "rotation-intent",
            "rotation-answer", "rotation-answer-unwritten", "rotation-answer-written", "before-end",
        ],
        [false, true]
    )
    func `a worker that dies there leaves the key known, and the client can be rotated once more`(
        _ place: String,
        losesAnswer: Bool
    ) async throws {
        let faults = losesAnswer ? [FaultRule(.cutAfter, on: Self.rotation) { $0.to = 1 }] : []
        try await WorkerFixture.with(faults: faults) { fixture in
            let clients = try await KeyClients.make(1, fixture)
            for _ in 1...Chaos.keyCrashes {
                try await clients.rotateAll()
                let settings = clients.custody.settings.merging(["FACTPULSE_CRASH_AT": place]) { $1 }
                #expect(try await fixture.worker(settings: settings).waitForExit().exit == .signal(SIGKILL))
                try await buryTheDead(fixture)
                try await finish(clients)
                try await clients.rotateAll()
                try await finish(clients)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `a worker killed while the server is at work leaves the key known`()
        async throws
    {
        let slow = FaultRule(.latency, on: Self.rotation) { ($0.to, $0.milliseconds) = (1, 1_500) }
        try await WorkerFixture.with(faults: [slow]) { fixture in
            let clients = try await KeyClients.make(1, fixture)
            try await clients.rotateAll()
            let worker = try fixture.worker(settings: clients.custody.settings)
            _ = try await eventually("the call has arrived", else: worker.tail) {
                try await fixture.sandbox.ledger().byOperation[Self.rotation]
            }
            try await worker.die()
            try await buryTheDead(fixture)
            try await finish(clients)
            try await clients.rotateAll()
            try await finish(clients)
        }
    }

    /// The silence of a killed worker is certain, so nobody needs to wait for it.
    private func buryTheDead(_ fixture: WorkerFixture) async throws {
        try await fixture.database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
    }

    /// Each rotation that ended was proven by the server's own yes, and the one active key opens the secret.
    private func finish(_ clients: KeyClients) async throws {
        let fixture = clients.fixture
        let worker = try fixture.worker("--drain", settings: clients.custody.settings)
        let ended = try await worker.waitForExit(within: .seconds(90))
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        #expect(
            try await fixture.number("SELECT count(*) FROM factpulse.rotation_attempts WHERE state <> 'succeeded'") == 0
        )
        #expect(try await fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'") == 0)
        #expect(try await clients.right() == 1)
        let verified = try await fixture.command("keys", "verify-escrow", settings: clients.custody.settings)
        #expect(verified.exit == .code(0), "\(verified.stdout)")
    }
}
