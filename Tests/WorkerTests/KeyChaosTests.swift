import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

/// Clients are rotated again and again while workers are killed and answers are lost. No key may ever be lost.
@Suite(.database)
struct KeyChaosTests {
    private static let rotation = SandboxOperation.rotateEncryptionKey.rawValue
    private static let faults = [
        FaultRule(.latency, on: "api") { ($0.milliseconds, $0.maximumMilliseconds) = (5, 60) },
        FaultRule(.statusAfter, on: rotation, status: 502) { $0.probability = 0.06 },
        FaultRule(.cutAfter, on: rotation) { $0.probability = 0.04 },
        FaultRule(.lateCommit, on: rotation) { ($0.probability, $0.delay, $0.hold) = (0.02, 3, 6) },
        FaultRule(.throttle, on: rotation) { ($0.probability, $0.retryAfter) = (0.05, .seconds) },
    ]

    @Test(.timeLimit(.minutes(20)))
    func `whatever is killed or lost, the live key of every client opens from the vault and the escrow file`()
        async throws
    {
        try await WorkerFixture.with(faults: Self.faults) { fixture in
            let clients = try await KeyClients.make(Chaos.keyClients, fixture)
            let settings = clients.custody.settings
            var workers = try (0..<4).map { _ in try fixture.worker("--concurrency", "4", settings: settings) }
            for kill in 0..<Chaos.keyKills {
                try await clients.rotateAll()
                try await Task.sleep(for: .seconds(.random(in: 0.3...1.7)))
                try await workers[kill % 4].die()
                workers[kill % 4] = try fixture.worker("--concurrency", "4", settings: settings)
            }
            try await clients.untilIdle()
            let figures = Figures(
                title: "keys: \(Chaos.keyClients) clients rotated again and again, \(Chaos.keyKills) workers killed"
            )
            try await compare(clients, figures)
            // Without faults, each one once more.
            try await fixture.sandbox.setFaults(Faults())
            let before = try await succeeded(fixture)
            try await clients.rotateAll()
            try await clients.untilIdle()
            let more = try await succeeded(fixture) - before
            try figures.expect("rotated once more", more, "\(Chaos.keyClients)", more == Chaos.keyClients)
            let right = try await clients.right()
            try figures.expect("clients whose one key opens", right, "\(Chaos.keyClients)", right == Chaos.keyClients)
            let verified = try await fixture.command("keys", "verify-escrow", settings: settings)
            #expect(verified.exit == .code(0), "\(verified.stdout)")
            let audit = try await fixture.command("audit", "verify")
            #expect(audit.exit == .code(0), "\(audit.stderr)")
        }
    }

    /// Holds what the sandbox did against what the vault can open. The escrow file has the same keys: `verify-escrow`.
    private func compare(_ clients: KeyClients, _ figures: Figures) async throws {
        let strays = try await clients.strays()
        let ledger = try await clients.fixture.sandbox.ledger()
        try figures.note("calls that arrived", ledger.byOperation[Self.rotation]?.count ?? 0)
        try figures.note("rotations that took effect", strays.effects)
        try figures.expect("effects whose key the vault does not open", strays.unknown, "0", strays.unknown == 0)
        try figures.expect("effects before their key was stored", strays.early, "0", strays.early == 0)
        for state in ["lost", "split", "needs_review", "out_of_band"] {
            let count = try await clients.fixture.number(
                "SELECT count(*) FROM factpulse.rotation_attempts WHERE state = \(state)"
            )
            try figures.expect(state, count ?? -1, "0", count == 0)
        }
        let failed = try await clients.fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'")
        try figures.expect("jobs that did not end well", failed ?? -1, "0", failed == 0)
    }

    private func succeeded(_ fixture: WorkerFixture) async throws -> Int {
        try await fixture.number("SELECT count(*) FROM factpulse.rotation_attempts WHERE state = 'succeeded'") ?? 0
    }
}
