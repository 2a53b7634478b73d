import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// How webhook secrets reach those who check signatures, as their user sees it.
@Suite(.database)
struct CLIWebhookTests {
    private static let fixtureOptions: SandboxOptions = {
        var options = SandboxOptions()
        options.remembersSecrets = true
        return options
    }()

    /// Secrets that the sandbox made: 64 hexadecimal digits.
    private func made(_ fixture: WorkerFixture) async throws -> Set<String> {
        Set(try await fixture.sandbox.secrets().filter { $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
    }

    @Test func `--deliver-command gets each secret once on its standard input, and again only where it failed`()
        async throws
    {
        try await WorkerFixture.with(options: Self.fixtureOptions) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(3)
            let file = try fixture.programs.write((["uid"] + uids).joined(separator: "\n"), to: "a.csv")
            let folder = fixture.programs.folder.path(percentEncoded: false)
            let worker = try fixture.worker(settings: custody.settings)
            func deliver(_ command: String) async throws -> RunningProgram.Ended {
                try await fixture.command(
                    "bulk",
                    "generate-webhook-secrets",
                    file,
                    "--wait",
                    "--json",
                    "--deliver-command",
                    command,
                    settings: custody.settings
                )
            }
            let failing = try await deliver(
                "test $FACTPULSE_CLIENT_UID != \(uids[1]) && cat > '\(folder)'/$FACTPULSE_CLIENT_UID"
            )
            #expect(failing.exit == .code(1), "\(failing.stderr)")
            #expect(failing.stderr.contains("the secret of \(uids[1]) was not handed over"))
            let mended = try await deliver("echo talking; cat >> '\(folder)'/$FACTPULSE_CLIENT_UID")
            #expect(mended.exit == .code(0), "\(mended.stderr)")
            worker.signal(SIGTERM)
            let stopped = try await worker.waitForExit()
            #expect(mended.object?["done"] as? Int == 3, "what the command prints is no data: \(mended.stdout)")

            let delivered = try uids.map { try String(contentsOfFile: folder + "/" + $0, encoding: .utf8) }
            #expect(Set(delivered) == (try await made(fixture)) && Set(delivered).count == 3)
            let scan = LeakScan(delivered)
            for text in [failing.stdout, failing.stderr, mended.stdout, mended.stderr, stopped.stderr] {
                #expect(!scan.finds(in: text))
            }
            let audited = "SELECT count(*) FROM factpulse.audit_log WHERE action = 'deliver-webhook-secret' AND outcome"
            #expect(try await fixture.number("\(raw: audited) = 'intent'") == 4)
            #expect(try await fixture.number("\(raw: audited) = 'done'") == 3)
            #expect(try await fixture.number("\(raw: audited) = 'failed'") == 1)
        }
    }

    @Test
    func `status shows a secret's age and fingerprint, reveal the secret itself on a terminal only, delete ends it`()
        async throws
    {
        try await WorkerFixture.with(options: Self.fixtureOptions) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(2)
            _ = try await fixture.bulk("generate-webhook-secrets", ["uid", uids[0]], settings: custody.settings)
            let worker = try fixture.worker("--drain", settings: custody.settings)
            #expect(try await worker.waitForExit().exit == .code(0))
            let secret = try #require(try await made(fixture).first)

            let status = try await fixture.command("webhooks", "status", uids[0], uids[1], "--json")
            let clients = try #require(status.object?["clients"] as? [[String: Any]])
            #expect(clients.map { $0["has_secret"] as? Bool } == [true, false])
            #expect(
                (clients[0]["fingerprint"] as? String)?.hasPrefix("kfp_") == true
                    && clients[0]["state"] as? String == "active"
            )

            let reveal = ["webhooks", "reveal", uids[0], "--reason", "test"]
            let hidden = try await fixture.programs.run(
                "factpulse-worker",
                reveal,
                environment: fixture.settings.merging(custody.settings) { $1 }
            )
            expectFailure(hidden, 64, "terminal")
            #expect(
                try await fixture.number(
                    "SELECT count(*) FROM factpulse.audit_log WHERE action = 'reveal-webhook-secret'"
                ) == 0
            )
            let shown = try await onTerminal(reveal, fixture, custody)
            #expect(shown.exit == .code(0) && shown.stdout.contains(secret), "\(shown.stderr)")
            #expect(
                try await fixture.number(
                    "SELECT count(*) FROM factpulse.audit_log WHERE action = 'reveal-webhook-secret' AND reason = 'test'"
                ) == 2
            )
            let unknown = try await onTerminal(["webhooks", "reveal", uids[1], "--reason", "x"], fixture, custody)
            #expect(unknown.exit == .code(1) && unknown.stdout.contains("no webhook secret"))

            #expect(try await fixture.command("webhooks", "delete", uids[0]).exit == .code(64), "without --yes")
            #expect(try await fixture.command("webhooks", "delete", uids[0], "--yes").exit == .code(0))
            #expect(try await fixture.command("webhooks", "delete", uids[0], "--yes").exit == .code(0), "twice is once")
            let gone = try await fixture.command("webhooks", "status", uids[0], "--json")
            let client = try #require((gone.object?["clients"] as? [[String: Any]])?.first)
            #expect(client["has_secret"] as? Bool == false && client["state"] as? String == "retired")
            #expect(!status.stdout.contains(secret) && !gone.stdout.contains(secret))
            #expect(try await fixture.command("webhooks", "status", "x").exit == .code(64))
        }
    }

    @Test(arguments: [FaultRule.Kind.cutAfter, .cutBefore])
    func `a deletion whose answer is lost is settled by asking`(_ kind: FaultRule.Kind) async throws {
        try await WorkerFixture.with(faults: [FaultRule(kind, on: "deleteWebhookSecret") { $0.to = 1 }]) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(1)
            _ = try await fixture.bulk("generate-webhook-secrets", ["uid", uids[0]], settings: custody.settings)
            #expect(try await fixture.worker("--drain", settings: custody.settings).waitForExit().exit == .code(0))
            let ended = try await fixture.command("webhooks", "delete", uids[0], "--yes")
            #expect(ended.exit == .code(kind == .cutAfter ? 0 : 69), "\(ended.stderr)")
            let retired = try await fixture.number(
                "SELECT count(*) FROM factpulse.secrets WHERE purpose = 'webhook-secret' AND state = 'retired'"
            )
            #expect(retired == (kind == .cutAfter ? 1 : 0))
        }
    }

    /// Runs the program with a terminal as its standard output.
    private func onTerminal(_ arguments: [String], _ fixture: WorkerFixture, _ custody: CustodyFiles) async throws
        -> RunningProgram.Ended
    {
        let program = try fixture.programs.path("factpulse-worker")
        let line = ([program] + arguments).map { "'\($0)'" }.joined(separator: " ")
        return try await fixture.programs.run(
            "/usr/bin/script",
            ["-qec", line, "/dev/null"],
            environment: fixture.settings.merging(custody.settings) { $1 }
        )
    }
}
