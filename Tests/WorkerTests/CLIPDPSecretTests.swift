import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The client secrets of a file, through real processes that log all there is.
@Suite(.database)
struct CLIPDPSecretTests {
    @Test func `configure-pdp shows no secret in its output, logs, tables, files or escrow`() async throws {
        var options = SandboxOptions()
        options.remembersSecrets = true
        let faults = [
            FaultRule(.errorShape, on: "updatePDPConfig", status: 422) { ($0.to, $0.shape, $0.echoes) = (1, .B, true) },
            FaultRule(.statusAfter, on: "updatePDPConfig") { ($0.to, $0.echoes) = (2, true) },
        ]
        let loud = ["FACTPULSE_LOG_LEVEL": "trace", "FACTPULSE_LOG_FORMAT": "json"]
        try await WorkerFixture.with(faults: faults, options: options, settings: loud) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(5)
            let lines = WorkerFixture.pdpLines(uids) + ["x;;;;client-secret-of-a-bad-row;double"]
            let file = try fixture.programs.write(lines.joined(separator: "\n"), to: "pdp.csv")
            let folder = fixture.programs.folder
            let (result, errors) = (
                folder.appending(path: "result.csv").path, folder.appending(path: "errors.csv").path
            )
            let worker = try fixture.worker(settings: custody.settings)
            let ended = try await fixture.command(
                "bulk",
                "configure-pdp",
                file,
                "--skip-invalid",
                "--wait",
                "--json",
                "--errors",
                errors,
                "--result",
                result,
                settings: custody.settings
            )
            #expect(ended.exit == .code(1) && ended.object?["done"] as? Int == 4, "\(ended.stderr)")
            worker.signal(SIGTERM)
            let stopped = try await worker.waitForExit()
            let secrets =
                try await fixture.sandbox.secrets()
                + lines.compactMap {
                    $0.split(separator: ";").first { $0.hasPrefix("client-secret-") }.map(String.init)
                }
            #expect(secrets.count > 10)
            let scan = LeakScan(secrets)
            let rows = try await fixture.command("bulk-runs", "rows", "1", "--format", "json")
            var texts = ["stdout": ended.stdout, "stderr": ended.stderr, "worker": stopped.stderr, "rows": rows.stdout]
            for path in [result, errors, custody.escrow] {
                texts[path] = try String(contentsOfFile: path, encoding: .utf8)
            }
            for (table, text) in try await fixture.dump() { texts[table] = text }
            for (place, text) in texts {
                #expect(!text.isEmpty || place.contains("."), "nothing in \(place)")
                #expect(!scan.finds(in: text), "in \(place)")
            }
        }
    }

    @Test func `configure-pdp without a KEK is wrong configuration, and nothing is written`() async throws {
        try await WorkerFixture.with { fixture in
            let uids = try await fixture.sandbox.seedClients(1)
            let file = try fixture.programs.write(WorkerFixture.pdpLines(uids).joined(separator: "\n"), to: "pdp.csv")
            expectFailure(try await fixture.command("bulk", "configure-pdp", file), 78, "FACTPULSE_KEK_FILE")
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_runs") == 0)
        }
    }
}

extension WorkerFixture {
    /// Every row of every table, by table.
    func dump() async throws -> [(table: String, text: String)] {
        let tables = try await database.query(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('factpulse', 'queue') ORDER BY 1"
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
