import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

/// Every key that was ever made, looked for wherever something is written.
@Suite(.database)
struct CLIKeySecretTests {
    private static let rotation = SandboxOperation.rotateEncryptionKey.rawValue

    @Test func `no key is in any output, log, table or the escrow file, also where the server repeats it`() async throws
    {
        var options = SandboxOptions()
        options.remembersSecrets = true
        let faults = [
            FaultRule(.errorShape, on: Self.rotation, status: 400) { ($0.to, $0.shape, $0.echoes) = (2, .B, true) },
            FaultRule(.statusAfter, on: Self.rotation) { ($0.from, $0.to, $0.echoes) = (3, 4, true) },
        ]
        let loud = ["FACTPULSE_LOG_LEVEL": "trace", "FACTPULSE_LOG_FORMAT": "json"]
        try await WorkerFixture.with(faults: faults, options: options, settings: loud) { fixture in
            let clients = try await KeyClients.make(4, fixture)
            let settings = clients.custody.settings
            let lost = clients.uids[3]
            // Its key is one that we do not have.
            let foreign = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
            let worker = try await fixture.livingWorker(settings: settings)
            var said: [String: String] = [:]
            for command in [
                ["keys", "rotate"] + clients.uids + ["--wait", "--json"], ["keys", "status"], ["keys", "status", lost],
                ["keys", "rewrap"], ["keys", "verify-escrow", "--json"], ["audit", "export"], ["audit", "verify"],
                ["jobs", "list", "--json"], ["status", "--json"], ["keys", "plan", "--json"], ["doctor", "--json"],
            ] {
                let ended = try await fixture.programs.run(
                    "factpulse-worker",
                    command,
                    environment: fixture.settings.merging(settings) { $1 },
                    within: .seconds(120)
                )
                said[command.prefix(2).joined(separator: " ")] = ended.stdout + ended.stderr
                #expect([.code(0), .code(1)].contains(ended.exit), "\(command): \(ended.stderr)")
            }
            worker.signal(SIGTERM)
            said["worker"] = try await worker.waitForExit().stderr
            said["escrow"] = try String(contentsOfFile: clients.custody.escrow, encoding: .utf8)
            for (table, text) in try await fixture.dump() { said[table] = text }
            let keys = try await clients.keys().map(\.base64)
            #expect(keys.count >= 8)
            let scan = LeakScan(try await fixture.sandbox.secrets() + keys + [foreign])
            #expect(scan.finds(in: "x \(keys[0]) y"), "the scan finds what is there")
            for (place, text) in said { #expect(!scan.finds(in: text), "in \(place)") }
        }
    }
}
