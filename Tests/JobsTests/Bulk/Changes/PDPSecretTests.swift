import Foundation
import Jobs
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

/// Secrets that come in a file stay out of everything that is not the vault.
@Suite(.database, .timeLimit(.minutes(2)))
struct PDPSecretTests {
    @Test func `no secret of a file is in any table, result or error, whatever the server quotes`() async throws {
        var options = SandboxOptions()
        options.remembersSecrets = true
        let faults = [
            FaultRule(.errorShape, on: "updatePDPConfig", status: 400) { ($0.to, $0.shape, $0.echoes) = (2, .B, true) },
            FaultRule(.statusAfter, on: "updatePDPConfig") { ($0.to, $0.echoes) = (4, true) },
        ]
        try await BulkFixture.withVault(faults: faults, options: options) { bulk, vault in
            let uids = await bulk.seed(8)
            let secrets = uids.map { _ in "client-secret-\(UUID())" }
            let lines = zip(uids, secrets).map { uid, secret in
                "\(uid);https://pdp.example/f;https://pdp.example/t;id;\(secret);double;an unknown column with \(secret)"
            }
            let header = "uid;flow_service_url;token_url;oauth_client_id;client_secret;encryption_mode;mémo"
            let run = try await bulk.run(lines, header: header, of: .configurePDP)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.failed] == 2)
            #expect(try await bulk.counts(run)[.done] == 6)

            let sent = await bulk.server.world.secrets
            #expect(secrets.count { sent.contains($0) } == 6, "they were sent")
            let scan = LeakScan(Array(sent) + secrets)
            for (table, text) in try await bulk.dump() { #expect(!scan.finds(in: text), "in \(table)") }
            for row in try await bulk.rows(run) { #expect(!scan.finds(in: "\(row)")) }
            let escrow = try String(contentsOfFile: vault.escrowFile.path, encoding: .utf8)
            #expect(!scan.finds(in: escrow))
            let cells = try await bulk.rows(run)[0].cells
            #expect(cells[1] == "https://pdp.example/f" && cells[4] == "" && cells[6] == "", "\(cells)")
        }
    }

    @Test func `refused rows are written without their secrets`() async throws {
        let scratch = try Scratch()
        let path = try scratch.write(Array("uid;client_secret;actif\nx;my-own-secret-text;oui\n".utf8))
        let file = try await BulkFile.open(path: path, operation: .configurePDP, options: FileOptions())
        #expect(try await file.check { _, _ in }.counts[.rejected] == 1)
        await file.rewind()
        let row = try #require(try await file.next(10).first)
        #expect(row.cells == ["x", "", "oui"])
        #expect(!"\(row)".contains("my-own"))
    }
}

extension BulkFixture {
    /// Every row of every table, by table.
    func dump() async throws -> [(table: String, text: String)] {
        let tables = try await database.query(
            """
            SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('factpulse', 'queue') ORDER BY 1
            """
        ).map { try $0.decode(at: 0, as: String.self) }
        var dump: [(String, String)] = []
        for table in tables {
            let rows = try await database.query(
                "SELECT coalesce(string_agg(to_jsonb(t)::text, ' '), '') FROM \(raw: table) t"
            )
            dump.append((table, try rows[0].decode(at: 0, as: String.self)))
        }
        return dump
    }
}
