import FactPulse
import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(2)))
struct WebhookSecretTests {
    private func generate(_ bulk: BulkFixture, _ uids: [String], rotate: Bool = false) async throws -> Int64 {
        let options = FileOptions(rotate: rotate)
        let run = try await bulk.run(uids, header: "uid", of: .generateWebhookSecrets, options: options)
        try await bulk.drain()
        return run
    }

    /// Which of the clients' secrets on the server is the active one in the vault.
    private func expectKept(_ bulk: BulkFixture, _ vault: Vault, _ uids: [String], versions: Int = 1) async throws {
        for uid in uids {
            let client = try #require(UUID(uuidString: uid))
            let kept = try #require(try await WebhookSecrets(bulk.database).kept(of: client))
            #expect(kept.state == .active && kept.isEscrowed)
            let sealed = try #require(kept.sealed)
            let secret = try await vault.open(sealed, as: kept.name).withBytes { String(decoding: $0, as: UTF8.self) }
            #expect(await bulk.server.world.webhookSecret(of: client) == secret, "what is kept is what signs")
        }
    }

    @Test func `clients without a secret get one that the vault keeps, and the others get no call`() async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uids = await bulk.seed(4)
            let first = try await generate(bulk, Array(uids[..<2]))
            #expect(try await bulk.counts(first)[.done] == 2)
            let second = try await generate(bulk, uids)
            #expect(try await bulk.rows(second).map(\.state) == [.exists, .exists, .done, .done])
            try await expectKept(bulk, vault, uids)
            #expect(
                await bulk.effects(.generateWebhookSecret) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) })
            )
            // The same file, to be rotated, is another run.
            let third = try await generate(bulk, uids, rotate: true)
            #expect(try await bulk.counts(third)[.done] == 4)
            try await expectKept(bulk, vault, uids)
            #expect(
                try await bulk.count("factpulse.secrets WHERE purpose = 'webhook-secret' AND state = 'retired'") == 4
            )
        }
    }

    @Test(arguments: [FaultRule.Kind.cutAfter, .statusAfter, .truncate, .notJSON, .cutBefore, .status])
    func `a lost answer is seen by the date of the secret, and cured by another secret`(_ kind: FaultRule.Kind)
        async throws
    {
        let fault = FaultRule(kind, on: "generateWebhookSecret") { $0.to = 2 }
        try await BulkFixture.withVault(faults: [fault]) { bulk, vault in
            let uids = await bulk.seed(3)
            let run = try await generate(bulk, uids)
            #expect(try await bulk.counts(run)[.done] == 3)
            try await expectKept(bulk, vault, uids)
            let wasLost = ![FaultRule.Kind.cutBefore, .status].contains(kind)
            let effects = await bulk.effects(.generateWebhookSecret).values.sorted()
            #expect(effects == (wasLost ? [1, 2, 2] : [1, 1, 1]))
        }
    }

    @Test func `a secret that is made after the caller gave up does not void the one that is kept`() async throws {
        let fault = FaultRule(.lateCommit, on: "generateWebhookSecret") { ($0.to, $0.delay, $0.hold) = (1, 1.7, 3) }
        try await BulkFixture.withVault(faults: [fault]) { bulk, vault in
            let uids = await bulk.seed(1)
            let run = try await generate(bulk, uids)
            #expect(try await bulk.row(run).state == .done)
            try await bulk.server.world.waitForEffects(2, of: .generateWebhookSecret)
            try await expectKept(bulk, vault, uids)
        }
    }

    @Test func `a secret that was lost again and again fails its row, and can be retried`() async throws {
        try await BulkFixture.withVault(faults: [FaultRule(.cutAfter, on: "generateWebhookSecret")]) { bulk, vault in
            let uids = await bulk.seed(1)
            let run = try await generate(bulk, uids)
            #expect(try await bulk.row(run).errorCode == "ANSWER_LOST")
            #expect(await bulk.requests(.generateWebhookSecret) == 3)
            try await bulk.server.world.setFaults([])
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .done)
            try await expectKept(bulk, vault, uids)
        }
    }

    @Test func `a secret that was kept before its worker died is not made again`() async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uids = await bulk.seed(1)
            let run = try await generate(bulk, uids)
            // As if the worker had died before it could write the row's end.
            try await bulk.database.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'sending', settle_until = now(), job_id = 0, token = 0 WHERE run_id = \(run)
                """
            )
            try await bulk.database.execute(
                "SELECT \(ReleaseRow.enqueue(ChangeClient.kind, run: "\(run)::bigint", row: "1::bigint"))"
            )
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .done)
            #expect(try await bulk.row(run).adopted)
            #expect(await bulk.effects(.generateWebhookSecret) == [uids[0]: 1])
            try await expectKept(bulk, vault, uids)
        }
    }

    @Test func `a secret that somebody made after ours was lost is not replaced`() async throws {
        let fault = FaultRule(.cutAfter, on: "generateWebhookSecret") { $0.to = 1 }
        try await BulkFixture.withVault(faults: [fault]) { bulk, _ in
            let uid = await bulk.seed(1)[0]
            let run = try await bulk.run([uid], header: "uid", of: .generateWebhookSecrets)
            async let worker: Void = bulk.drain()
            // Settled as lost; theirs comes before the next look.
            try await bulk.until("EXISTS (SELECT FROM factpulse.bulk_rows WHERE state = 'uncertain')")
            try await bulk.server.world.setFaults([
                FaultRule(.latency, on: "getWebhookSecretStatus") { ($0.from, $0.milliseconds) = (2, 700) }
            ])
            try await bulk.until("EXISTS (SELECT FROM factpulse.bulk_rows WHERE state = 'ready' AND fields ? 'again')")
            try await bulk.withClient { _ = try await $0.client(try BulkFixture.uid(uid)).generateWebhookSecret() }
            try await worker
            #expect(try await bulk.row(run).errorCode == "CHANGED_SINCE")
            #expect(await bulk.effects(.generateWebhookSecret) == [uid: 2])
        }
    }

    @Test func `no webhook secret is in any table, result or audit entry`() async throws {
        var options = SandboxOptions()
        options.remembersSecrets = true
        let fault = FaultRule(.statusAfter, on: "generateWebhookSecret") { ($0.to, $0.echoes) = (1, true) }
        try await BulkFixture.withVault(faults: [fault], options: options) { bulk, vault in
            let uids = await bulk.seed(4)
            let run = try await generate(bulk, uids)
            #expect(try await bulk.counts(run)[.done] == 4)
            let scan = LeakScan(await bulk.server.world.secrets)
            for (table, text) in try await bulk.dump() { #expect(!scan.finds(in: text), "in \(table)") }
            #expect(!scan.finds(in: try String(contentsOfFile: vault.escrowFile.path, encoding: .utf8)))
            let trail = try await bulk.database.query(
                "SELECT outcome FROM factpulse.audit_log WHERE client_uid = \(uids[3])::uuid ORDER BY seq"
            ).map { try $0.decode(at: 0, as: String.self) }
            #expect(trail.first == "intent" && trail.last == "made")
        }
    }
}
