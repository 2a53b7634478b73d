import FactPulse
import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database)
struct RotateKeyTests {
    private static let rotation = SandboxOperation.rotateEncryptionKey.rawValue

    @Test func `a client gets a new key, which is in the table and the escrow file and opens its secret`() async throws
    {
        try await KeyFixture.with { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            #expect(try await keys.states(of: client) == ["retired", "active"])
            #expect(try await keys.live(of: client) == [2])
            #expect(try await keys.attempts(of: client) == ["succeeded"])
            #expect(try await keys.calls() == 1)
            #expect(try await keys.vault.verifyEscrow().isWhole)
            let log = try await AuditLog(keys.database).verify()
            #expect(log.isWhole && log.entries == 2, "the intent before the call, and the answer after it")
        }
    }

    @Test(arguments: [FaultRule.Kind.statusAfter, .cutAfter, .truncate, .notJSON])
    func `an answer lost after the effect is settled with the API alone`(
        kind: FaultRule.Kind
    ) async throws {
        try await KeyFixture.with(faults: [FaultRule(kind, on: Self.rotation) { $0.to = 1 }]) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            // 1 -> 2 was lost, 1 -> 2 says that 1 is dead, 2 -> 3 proves that 2 was live.
            #expect(try await keys.states(of: client) == ["retired", "retired", "active"])
            #expect(try await keys.live(of: client) == [3])
            #expect(try await keys.attempts(of: client) == ["succeeded"])
            #expect(try await keys.calls() == 3)
        }
    }

    @Test(arguments: [FaultRule.Kind.status, .cutBefore])
    func `a call that had no effect is made again with the same keys`(kind: FaultRule.Kind) async throws {
        try await KeyFixture.with(faults: [FaultRule(kind, on: Self.rotation) { $0.to = 2 }]) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            #expect(try await keys.states(of: client) == ["retired", "active"])
            #expect(try await keys.isRight(client))
            #expect(try await keys.calls() == 3)
        }
    }

    @Test func `an effect that comes after the caller gave up is waited for`() async throws {
        let fault = FaultRule(.lateCommit, on: Self.rotation) {
            $0.to = 1
            $0.delay = 1.7
            $0.hold = 3
        }
        try await KeyFixture.with(faults: [fault]) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            #expect(try await keys.attempts(of: client) == ["succeeded"])
            #expect(try await keys.live(of: client) == [3])
            #expect(try await keys.isRight(client))
        }
    }

    @Test(arguments: SandboxOptions.WrongOldKey.allCases)
    func `a server that was restored takes one of the retired keys`(
        wording: SandboxOptions.WrongOldKey
    ) async throws {
        var options = SandboxOptions()
        options.wrongOldKey = wording
        try await KeyFixture.with(options: options) { keys in
            let client = try await keys.makeClient()
            let first = try await keys.keys(of: client)[0]
            try await keys.rotate([client])
            try await keys.rotate([client])
            let sealed = try #require(first.sealed)
            try await keys.configure(client, mode: .double, key: try await keys.vault.open(sealed, as: first.name))
            try await keys.rotate([client])
            #expect(try await keys.attempts(of: client) == ["succeeded", "succeeded", "out_of_band"])
            #expect(try await keys.states(of: client) == ["retired", "retired", "retired", "active"])
            #expect(try await keys.isRight(client))
        }
    }

    @Test func `a client that takes none of our keys is lost loudly, keeps them all, and can be taken up again`()
        async throws
    {
        try await KeyFixture.with { keys in
            let client = try await keys.makeClient()
            let foreign = SecretBytes.randomKey()
            try await keys.configure(client, mode: .double, key: foreign)
            try await keys.rotate([client])
            #expect(try await keys.attempts(of: client) == ["lost"])
            #expect(try await keys.states(of: client) == ["uncertain", "pending"])
            let error = try #require(try await keys.jobs().last?.error)
            for part in [
                client.lowercased, "versions 1, 2", "keys restore", "keys import", "--resume", "bulk configure-pdp",
            ] {
                #expect(error.contains(part), "\(part): \(error)")
            }
            // Nothing happens by itself any more.
            try await keys.rotate([client])
            #expect(try await keys.calls() == 1)
            // The key is found, and brought in as one that may be live.
            try await keys.store(foreign, version: 3, of: client)
            try await keys.database.execute("UPDATE factpulse.secrets SET state = 'uncertain' WHERE version = 3")
            try await keys.rotate([client], resume: true)
            #expect(try await keys.attempts(of: client) == ["succeeded"])
            #expect(try await keys.isRight(client))
        }
    }

    @Test func `what cannot be rotated makes no key and opens no attempt`() async throws {
        try await KeyFixture.with { keys in
            let fernet = try await keys.makeClient(1)
            try await keys.configure(fernet, mode: .fernet, key: nil)
            let inactive = try await keys.makeClient(2)
            try await keys.withClient { _ = try await $0.client(KeyFixture.uid(inactive)).deactivate() }
            try await keys.rotate([fernet, inactive])
            for client in [fernet, inactive] {
                #expect(try await keys.states(of: client) == ["active"])
                #expect(try await keys.attempts(of: client).isEmpty)
            }
            #expect(try await keys.jobs().compactMap(\.result).filter { $0.contains("skipped") }.count == 2)
            #expect(try await keys.calls() == 0)

            try await keys.rotate([UUID()])
            #expect(try await keys.jobs().last?.state == "failed")
        }
    }

    @Test func `a key that cannot be escrowed is sent nowhere`() async throws {
        try await KeyFixture.with { keys in
            let client = try await keys.makeClient()
            let escrow = keys.folder.appending(path: "escrow.jsonl")
            try FileManager.default.removeItem(at: escrow)
            try FileManager.default.createDirectory(at: escrow, withIntermediateDirectories: false)
            _ = try await RotateKey.enqueue(client, in: keys.database)
            try await keys.database.execute("UPDATE queue.jobs SET max_attempts = 1")
            try await keys.drain()
            #expect(try await keys.jobs().last?.error?.contains("no key was sent") == true)
            #expect(try await keys.calls() == 0)
            #expect(try await keys.states(of: client) == ["active", "pending"])

            try FileManager.default.removeItem(at: escrow)
            try await keys.rotate([client])
            #expect(try await keys.states(of: client) == ["retired", "active"], "the same key is finished")
            #expect(try await keys.isRight(client))
        }
    }

    @Test func `many clients rotate again and again while answers are lost, and every one stays known`() async throws {
        let faults = [
            FaultRule(.throttle, on: Self.rotation) { $0.probability = 0.05 },
            FaultRule(.cutAfter, on: Self.rotation) { $0.probability = 0.10 },
            FaultRule(.statusAfter, on: Self.rotation) { $0.probability = 0.05 },
            FaultRule(.status, on: Self.rotation) { $0.probability = 0.05 },
        ]
        try await KeyFixture.with(faults: faults) { keys in
            var clients: [UUID] = []
            for number in 1...30 { clients.append(try await keys.makeClient(number)) }
            for _ in 1...3 { try await keys.rotate(clients) }
            for client in clients {
                #expect(try await keys.isRight(client))
                #expect(try await keys.attempts(of: client) == ["succeeded", "succeeded", "succeeded"])
            }
            #expect(try await keys.vault.verifyEscrow().isWhole)
            #expect(try await AuditLog(keys.database).verify().isWhole)
        }
    }
}
