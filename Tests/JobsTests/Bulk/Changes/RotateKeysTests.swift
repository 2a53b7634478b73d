import FactPulse
import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(2)))
struct RotateKeysTests {
    /// Clients in double mode whose key, version 1, is in the vault.
    private func configured(_ bulk: BulkFixture, _ count: Int) async throws -> [String] {
        let uids = await bulk.seed(count)
        let lines = uids.map { "\($0);https://pdp.example/f;https://pdp.example/t;id;secret;double" }
        let header = "uid;flow_service_url;token_url;oauth_client_id;client_secret;encryption_mode"
        let run = try await bulk.run(lines, header: header, of: .configurePDP)
        try await bulk.drain()
        #expect(try await bulk.counts(run)[.done] == count)
        return uids
    }

    private func rotate(_ bulk: BulkFixture, _ uids: [String]) async throws -> Int64 {
        let run = try await bulk.run(uids, header: "uid", of: .rotateKeys)
        try await bulk.drain()
        return run
    }

    @Test func `every client gets one new key, and the run says what became of each`() async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uids = try await configured(bulk, 4)
            let run = try await rotate(bulk, uids)
            #expect(try await bulk.counts(run)[.done] == 4)
            for uid in uids {
                #expect(try await bulk.keyStates(uid) == ["retired", "active"])
                #expect(try await bulk.opens(uid, vault, version: 2))
            }
            #expect(await bulk.effects(.rotateEncryptionKey) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) }))
            #expect(try await bulk.store.run(run)?.state == .finished)
        }
    }

    @Test(arguments: [FaultRule.Kind.cutAfter, .statusAfter, .cutBefore, .status, .throttle])
    func `a lost answer is settled by the rules of the rotation`(_ kind: FaultRule.Kind) async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uids = try await configured(bulk, 3)
            try await bulk.server.world.setFaults([FaultRule(kind, on: "rotateEncryptionKey") { $0.to = 2 }])
            let run = try await rotate(bulk, uids)
            #expect(try await bulk.counts(run)[.done] == 3)
            for uid in uids {
                let states = try await bulk.keyStates(uid)
                let active = try #require(states.firstIndex(of: "active"))
                #expect(try await bulk.opens(uid, vault, version: active + 1))
            }
            let attempts = try await bulk.count("factpulse.rotation_attempts WHERE state = 'succeeded'")
            #expect(attempts == 3, "one rotation a row")
        }
    }

    @Test func `a client that cannot be rotated fails its row, with the reason`() async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uids = try await configured(bulk, 2)
            let stranger = await bulk.seed(SandboxClient(name: "Sans clé"))[0]
            let request = PDPConfigUpdateRequest(
                flowServiceUrl: "https://a.example",
                tokenUrl: "https://b.example",
                oauthClientId: "c",
                clientSecret: Secret("theirs"),
                encryptionMode: .fernet
            )
            try await bulk.configure(uids[0], request)
            let run = try await rotate(bulk, uids + [stranger])
            let rows = try await bulk.rows(run)
            #expect(rows.map(\.state) == [.failed, .done, .failed])
            #expect(rows.map(\.errorCode) == ["NOT_ROTATED", nil, "CLIENT_KEY_UNKNOWN"])
            #expect(rows[0].error?.contains("double") == true)
            #expect(try await bulk.opens(uids[1], vault, version: 2))
        }
    }

    @Test func `a key that nobody here has is lost loudly, and the row needs a person`() async throws {
        try await BulkFixture.withVault { bulk, _ in
            let uid = try await configured(bulk, 1)[0]
            let request = PDPConfigUpdateRequest(
                flowServiceUrl: "https://a.example",
                tokenUrl: "https://b.example",
                oauthClientId: "c",
                clientSecret: Secret("theirs"),
                encryptionMode: .double
            )
            let theirs = EncryptionKey(bytes: (0..<32).map { _ in UInt8.random(in: 0...255) })
            try await bulk.configure(uid, request, key: theirs)
            let run = try await rotate(bulk, [uid])
            #expect(try await bulk.row(run).state == .needsReview)
            #expect(try await bulk.row(run).errorCode == "KEY_LOST")
        }
    }

    @Test func `a row whose worker died after the rotation begins no second one`() async throws {
        try await BulkFixture.withVault { bulk, vault in
            let uid = try await configured(bulk, 1)[0]
            let run = try await rotate(bulk, [uid])
            try await bulk.database.execute(
                "UPDATE factpulse.bulk_rows SET state = 'sending', job_id = 0, token = 0 WHERE run_id = \(run)"
            )
            let release = ReleaseRow.enqueue(ChangeClient.kind, run: "\(run)::bigint", row: "1::bigint")
            try await bulk.database.execute("SELECT \(release)")
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .done)
            #expect(try await bulk.opens(uid, vault, version: 2))
            #expect(await bulk.effects(.rotateEncryptionKey) == [uid: 1])
        }
    }

    @Test func `two clients that need a person pause the run, and a decided row goes on where the rules gave up`()
        async throws
    {
        try await BulkFixture.withVault { bulk, vault in
            let uids = try await configured(bulk, 40)
            let theirs = try #require(EncryptionKey(bytes: (0..<32).map { _ in UInt8.random(in: 0...255) }))
            for uid in uids { try await bulk.configure(uid, Self.double, key: theirs) }
            let run = try await rotate(bulk, uids)
            let found = try #require(try await bulk.store.run(run))
            #expect(found.state == .paused)
            #expect(found.reason?.contains("bulk-runs retry \(run)") == true, "\(found.reason ?? "")")
            let counts = try await bulk.counts(run)
            #expect((2...39).contains(counts[.needsReview]), "\(counts)")
            #expect(counts[.ready] == 40 - counts[.needsReview], "nobody else's key was touched: \(counts)")

            // Somebody brings the key, and sends one row again.
            let row = try #require(try await bulk.rows(run).first { $0.state == .needsReview })
            let client = try #require(row.uid.flatMap { UUID(uuidString: $0) })
            let key = SecretBytes(Data(base64Encoded: theirs.base64.reveal) ?? Data())
            _ = try await vault.importKey(key, of: client, actor: "test")
            try await bulk.database.execute(
                "UPDATE factpulse.bulk_runs SET state = 'running', reason = NULL WHERE id = \(run)"
            )
            #expect(try await bulk.store.resolve(run: run, line: row.line, .send) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.rows(run).first { $0.row == row.row }?.state == .done)
        }
    }

    private static let double = PDPConfigUpdateRequest(
        flowServiceUrl: "https://a.example",
        tokenUrl: "https://b.example",
        oauthClientId: "c",
        clientSecret: Secret("theirs"),
        encryptionMode: .double
    )
}
