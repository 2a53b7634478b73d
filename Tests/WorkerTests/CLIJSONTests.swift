import Postgres
import Sandbox
import Foundation
import TestSupport
import Testing

/// `--json` prints exactly one object on standard output, whatever the command.
@Suite(.database)
struct CLIJSONTests {
    @Test func `every command that prints data prints one object with --json`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\(SandboxWorld.siret(1))\nB;12\n", to: "a.csv")
            try await expect(fixture, ["migrate"], has: "migrations")
            try await expect(fixture, ["migrate", "--status"], has: "migrations")
            try await expect(fixture, ["bulk", "create-clients", file, "--dry-run"], 65, has: "errors")
            try await expect(fixture, ["bulk", "create-clients", file], 65, has: "errors")
            try await expect(fixture, ["bulk", "create-clients", file, "--skip-invalid"], has: "run")
            try await expect(fixture, ["bulk-runs", "list"], has: "runs")
            try await expect(fixture, ["bulk-runs", "status", "1"], has: "ready")
            try await expect(fixture, ["bulk-runs", "rows", "1"], has: "rows")
            try await expect(fixture, ["bulk-runs", "cancel", "1"], has: "run")
            try await expect(fixture, ["jobs", "enqueue", "finish-run", "--args", #"{"run": 1}"#], has: "job")
            try await expect(fixture, ["jobs", "list"], has: "jobs")
            try await expect(fixture, ["jobs", "show", "1"], has: "attempts")
            try await expect(fixture, ["jobs", "cancel", "1"], has: "job")
            try await expect(fixture, ["jobs", "retry", "1"], has: "job")
            try await expect(fixture, ["status"], has: "problems")
            try await expect(fixture, ["doctor"], has: "checks")
        }
    }

    @Test func `orders about a run print one object with --json`() async throws {
        try await WorkerFixture.with { fixture in
            _ = try await fixture.importClients(2)
            try await fixture.database.execute(
                "UPDATE factpulse.bulk_rows SET state = 'needs_review', error_code = 'E' WHERE row = 1"
            )
            try await fixture.database.execute("UPDATE factpulse.bulk_runs SET state = 'paused', reason = 'test'")
            try await expect(fixture, ["bulk-runs", "resolve", "1", "2", "--skip"], has: "line")
            try await expect(fixture, ["bulk-runs", "retry", "1"], has: "rows")
        }
    }

    @Test func `a run that was waited for prints one object with the counts of the contract`() async throws {
        try await WorkerFixture.with { fixture in
            let worker = try await fixture.livingWorker()
            let file = try fixture.programs.write("nom;siret\nA;\(SandboxWorld.siret(1))\nB;12\n", to: "a.csv")
            let ended = try await fixture.command(
                "bulk",
                "create-clients",
                file,
                "--skip-invalid",
                "--wait",
                "--json"
            )
            #expect(ended.exit == .code(1), "\(ended.stderr)")
            let object = try #require(ended.object)
            let names = [
                "done", "exists", "duplicate", "rejected", "failed", "uncertain", "needs_review", "skipped", "ready",
            ]
            let counts = try names.map { try #require(object[$0] as? Int, "\($0)") }
            #expect(object["rows"] as? Int == 2 && counts.reduce(0, +) == 2)
            #expect(object["done"] as? Int == 1 && object["rejected"] as? Int == 1)
            #expect(object["run"] as? Int == 1 && object["operation"] as? String == "create-clients")
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `a command that fails prints one object with --json, which says why`() async throws {
        try await WorkerFixture.with { fixture in
            let bad = try fixture.programs.write("nom\n", to: "bad.csv")
            let here = ["DATABASE_URL": "postgresql://joe@127.0.0.1:1/x"]
            for (words, settings, code) in [
                (["bulk-runs", "status", "7", "--json"], [:], 64),
                (["jobs", "list", "--limit", "0", "--json"], [:], 64),
                (["jobs", "--json", "lst"], [:], 64), (["bulk", "create-clients", bad, "--json"], [:], 65),
                (["bulk-runs", "rows", "7", "--format", "json"], [:], 64), (["status", "--json"], here, 69),
                (["status", "--json"], ["FACTPULSE_RATE_LIMIT": "x"], 78),
            ] as [([String], [String: String], Int32)] {
                let ended = try await fixture.programs.run(
                    "factpulse-worker",
                    words,
                    environment: fixture.settings.merging(settings) { $1 }
                )
                #expect(ended.exit == .code(code) && ended.object?["code"] as? Int == Int(code), "\(words): \(ended)")
                let error = try #require(ended.object?["error"] as? String)
                #expect(!error.isEmpty && ended.stderr.contains(error), "\(words): \(ended)")
            }
            #expect(try await fixture.command("status", "--help", "--json").object == nil)
        }
    }

    @Test func `what would turn a name around is shown as what it is, and data stay as they are`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nAB\u{202E}C;12\nD;\n", to: "\u{202E}a.csv")
            let json = try await fixture.command("bulk", "create-clients", file, "--skip-invalid", "--json")
            #expect(json.exit == .code(0), "\(json.stderr)")
            let status = try await fixture.command("bulk-runs", "list")
            #expect(status.stdout.contains("\\u{202E}a.csv") && !status.stdout.contains("\u{202E}"))
            let rows = try await fixture.command("bulk-runs", "rows", "1")
            #expect(rows.stdout.contains("AB\u{202E}C;12;"))
            let object = try await fixture.command("bulk-runs", "rows", "1", "--json")
            #expect(object.stdout.contains(#"AB\u202eC"#))
            let cells = (object.object?["rows"] as? [[String: Any]])?.first?["cells"] as? [String]
            #expect(cells == ["AB\u{202E}C", "12"])
            let terminal = try await fixture.programs.run(
                "/usr/bin/python3",
                ["-c", "import pty, sys; pty.spawn(sys.argv[1:])", try fixture.programs.path("factpulse-worker")]
                    + ["bulk-runs", "rows", "1"],
                environment: fixture.settings
            )
            #expect(
                terminal.stdout.contains("AB\\u{202E}C;12;") && !terminal.stdout.contains("\u{202E}"),
                "\(terminal)"
            )
        }
    }

    private func expect(
        _ fixture: WorkerFixture,
        _ words: [String],
        _ code: Int32 = 0,
        has member: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let ended = try await fixture.programs.run(
            "factpulse-worker",
            words + ["--json"],
            environment: fixture.settings
        )
        #expect(ended.exit == .code(code), "\(words): \(ended.stderr)", sourceLocation: sourceLocation)
        #expect(ended.object?[member] != nil, "\(words): \(ended.stdout)", sourceLocation: sourceLocation)
    }
}
