import FactPulse
import Foundation
import JobQueue
import Jobs
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database, .timeLimit(.minutes(2)))
struct ConfigurePDPTests {
    private static let header =
        "uid;flow_service_url;token_url;oauth_client_id;client_secret;is_active;mode_sandbox;encryption_mode"

    /// A row with everything that a first configuration needs.
    private static func line(_ uid: String, _ secret: String = "s3cret-\(UUID())", _ rest: String = ";;double")
        -> String
    {
        "\(uid);https://pdp.example/flows;https://pdp.example/token;oauth-1;\(secret);\(rest)"
    }

    private func configure(_ bulk: BulkFixture, _ lines: [String], header: String = Self.header) async throws -> Int64 {
        let run = try await bulk.run(lines, header: header, of: .configurePDP)
        try await bulk.drain()
        return run
    }

    @Test func `double mode makes a key for each client, which is escrowed, active and the one the server uses`()
        async throws
    {
        try await BulkFixture.withVault { bulk, vault in
            let uids = await bulk.seed(5)
            let run = try await configure(bulk, uids.map { Self.line($0) })
            #expect(try await bulk.counts(run)[.done] == 5)
            for uid in uids {
                #expect(try await bulk.opens(uid, vault))
                #expect(try await bulk.keyStates(uid) == ["active"])
                #expect(try await bulk.pdp(uid).encryptionMode == "double")
            }
            #expect(try await vault.verifyEscrow().isWhole)
            // The next configuration is set under the same key.
            let again = try await configure(bulk, uids.map { Self.line($0) })
            #expect(try await bulk.counts(again)[.done] == 5)
            #expect(try await bulk.keyStates(uids[0]) == ["active"])
            #expect(try await bulk.opens(uids[0], vault))
            #expect(
                try await bulk.count("factpulse.secrets WHERE purpose = 'pdp-secret'") == 5,
                "former secrets are forgotten"
            )
        }
    }

    @Test func `what a row leaves out stays as it is`() async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uid = await bulk.seed(1)[0]
            _ = try await configure(bulk, [Self.line(uid, "one", "non;oui;double")])
            let before = try await bulk.pdp(uid)
            #expect(before.isActive == false && before.modeSandbox == true)
            let run = try await configure(bulk, ["\(uid);two"], header: "uid;client_secret")
            #expect(try await bulk.row(run).state == .done)
            let after = try await bulk.pdp(uid)
            #expect(after.encryptionMode == "double" && after.isActive == false && after.modeSandbox == true)
            #expect(after.flowServiceUrl == before.flowServiceUrl && after.oauthClientId == before.oauthClientId)
            #expect(after.updatedAt != before.updatedAt)
            #expect(try await bulk.opens(uid, vault))
            // Without a secret the last one is sent; and where nothing would change, nothing is sent.
            let active = try await configure(bulk, ["\(uid);oui"], header: "uid;actif")
            #expect(try await bulk.row(active).state == .done)
            #expect(try await bulk.pdp(uid).isActive == true)
            let same = try await configure(bulk, ["\(uid);vrai"], header: "uid;actif")
            #expect(try await bulk.row(same).state == .exists)
            #expect(await bulk.effects(.updatePDPConfig) == [uid: 3])
        }
    }

    @Test func `a row that cannot make a whole configuration says what is missing`() async throws {
        try await BulkFixture.withVault { bulk, _ in
            let uids = await bulk.seed(2)
            let first = try await configure(bulk, ["\(uids[0]);x"], header: "uid;client_secret")
            #expect(try await bulk.row(first).errorCode == "PDP_FIELD_MISSING")
            let request = PDPConfigUpdateRequest(
                flowServiceUrl: "https://a.example",
                tokenUrl: "https://b.example",
                oauthClientId: "c",
                clientSecret: Secret("not ours")
            )
            try await bulk.configure(uids[1], request)
            let second = try await configure(bulk, ["\(uids[1]);non"], header: "uid;actif")
            #expect(try await bulk.row(second).errorCode == "CLIENT_SECRET_MISSING")
        }
    }

    @Test func `a client in double mode whose key is not here gets no other`() async throws {
        try await BulkFixture.withVault { bulk, _ in
            let uid = await bulk.seed(1)[0]
            let request = PDPConfigUpdateRequest(
                flowServiceUrl: "https://a.example",
                tokenUrl: "https://b.example",
                oauthClientId: "c",
                clientSecret: Secret("not ours"),
                encryptionMode: .double
            )
            let key = EncryptionKey(bytes: (0..<32).map { _ in UInt8.random(in: 0...255) })
            try await bulk.configure(uid, request, key: key)
            let run = try await configure(bulk, [Self.line(uid)])
            #expect(try await bulk.row(run).errorCode == "CLIENT_KEY_UNKNOWN")
            #expect(await bulk.effects(.updatePDPConfig) == [uid: 1], "only that of the other program")
            #expect(try await bulk.keyStates(uid).isEmpty)
        }
    }

    @Test(arguments: ["fernet", "double"], [FaultRule.Kind.cutAfter, .statusAfter, .truncate, .cutBefore, .status])
    func `a lost answer is settled by reading the configuration, which is set once`(
        _ mode: String,
        _ kind: FaultRule.Kind
    )
        async throws
    {
        let fault = FaultRule(kind, on: "updatePDPConfig") { $0.to = 2 }
        try await BulkFixture.withVault(faults: [fault]) { bulk, vault in
            let uids = await bulk.seed(3)
            let run = try await configure(bulk, uids.map { Self.line($0, "x", ";;\(mode)") })
            #expect(try await bulk.counts(run)[.done] == 3)
            #expect(await bulk.effects(.updatePDPConfig) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) }))
            for uid in uids where mode == "double" {
                #expect(try await bulk.keyStates(uid) == ["active"], "the key that was made is used, whatever happened")
                #expect(try await bulk.opens(uid, vault))
            }
        }
    }

    @Test func `a new secret alone is known to be set by the date of the configuration`() async throws {
        try await BulkFixture.withVault { bulk, _ in
            let uid = await bulk.seed(1)[0]
            _ = try await configure(bulk, [Self.line(uid)])
            for kind in [FaultRule.Kind.cutAfter, .cutBefore] {
                try await bulk.server.world.setFaults([FaultRule(kind, on: "updatePDPConfig") { $0.to = 1 }])
                let run = try await configure(bulk, ["\(uid);\(kind.rawValue)"], header: "uid;client_secret")
                #expect(try await bulk.row(run).state == .done)
                #expect(try await bulk.row(run).adopted == (kind == .cutAfter))
            }
            #expect(await bulk.effects(.updatePDPConfig) == [uid: 3])
        }
    }

    @Test func `what somebody set after a lost answer is not overwritten, and the key stays in doubt`() async throws {
        let fault = FaultRule(.cutAfter, on: "updatePDPConfig") { $0.to = 1 }
        try await BulkFixture.withVault(faults: [fault]) { bulk, _ in
            let uid = await bulk.seed(1)[0]
            let run = try await bulk.run([Self.line(uid)], header: Self.header, of: .configurePDP)
            async let worker: Void = bulk.drain()
            try await bulk.until("EXISTS (SELECT FROM factpulse.bulk_rows WHERE state = 'uncertain')")
            let request = PDPConfigUpdateRequest(
                flowServiceUrl: "https://theirs.example",
                tokenUrl: "https://b.example",
                oauthClientId: "c",
                clientSecret: Secret("theirs")
            )
            try await bulk.configure(uid, request)
            try await worker
            #expect(try await bulk.row(run).errorCode == "CHANGED_SINCE")
            #expect(try await bulk.pdp(uid).flowServiceUrl == "https://theirs.example")
            #expect(try await bulk.keyStates(uid) == ["uncertain"])
            // A later refusal says nothing about the call whose answer was lost.
            try await bulk.server.world.setFaults([FaultRule(.errorShape, on: "updatePDPConfig", status: 422)])
            let again = try await configure(bulk, [Self.line(uid)])
            #expect(try await bulk.row(again).state == .failed)
            #expect(try await bulk.keyStates(uid) == ["uncertain"])
        }
    }

    @Test func `a refusal leaves the key unused, and the next try takes it`() async throws {
        let fault = FaultRule(.errorShape, on: "updatePDPConfig", status: 422) { $0.to = 1 }
        try await BulkFixture.withVault(faults: [fault]) { bulk, vault in
            let uid = await bulk.seed(1)[0]
            let run = try await configure(bulk, [Self.line(uid)])
            #expect(try await bulk.row(run).state == .failed)
            #expect(try await bulk.keyStates(uid) == ["pending"])
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.keyStates(uid) == ["active"])
            #expect(try await bulk.opens(uid, vault))
        }
    }

    @Test func `each use of a key is in the audit log, before and after`() async throws {
        try await BulkFixture.withVault { bulk, _ in
            let uid = await bulk.seed(1)[0]
            _ = try await configure(bulk, [Self.line(uid)])
            let entries = try await bulk.database.query(
                "SELECT outcome FROM factpulse.audit_log WHERE action = 'configure-pdp' AND client_uid = \(uid)::uuid ORDER BY seq"
            ).map { try $0.decode(at: 0, as: String.self) }
            #expect(entries == ["intent", "set"])
            #expect(try await AuditLog(bulk.database).verify().isWhole)
        }
    }

    @Test func `a cancelled run forgets the secrets that it did not send`() async throws {
        try await BulkFixture.withVault { bulk, _ in
            let uids = await bulk.seed(3)
            let run = try await bulk.run(uids.map { Self.line($0) }, header: Self.header, of: .configurePDP)
            #expect(try await bulk.count("factpulse.secrets WHERE purpose = 'pdp-secret'") == 3)
            #expect(try await bulk.store.cancel(run) == .done(rows: 3))
            #expect(try await bulk.count("factpulse.secrets WHERE purpose = 'pdp-secret'") == 0)
        }
    }
}
