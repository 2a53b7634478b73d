import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// Deciding about rows, as its user sees it.
@Suite(.database)
struct CLIResolveTests {
    @Test func `what rows shows is what resolve takes, and it says what it did`() async throws {
        try await WorkerFixture.with { fixture in
            let run = try await fixture.importClients(3)
            let uids = try await fixture.sandbox.seedClients(2)
            try await fixture.database.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'needs_review', error_code = 'ONLY_NAME_MATCHES', attempt = 1,
                       candidates = ARRAY[\(uids[0])::uuid, \(uids[1])::uuid] WHERE row < 3
                """
            )
            let shown = try await fixture.command("bulk-runs", "rows", "\(run)", "--state", "needs_review")
            let lines = shown.stdout.split(whereSeparator: \.isNewline).map {
                $0.split(separator: ";", omittingEmptySubsequences: false)
            }
            #expect(lines[0].last == "_candidates" && lines[0][2] == "_line", "\(shown.stdout)")
            let (line, candidates) = (String(lines[1][2]), lines[1].last?.split(separator: " ").map(String.init) ?? [])
            #expect(line == "2" && candidates == uids)
            let stranger = try await fixture.command(
                "bulk-runs",
                "resolve",
                "\(run)",
                line,
                "--client",
                UUID().uuidString
            )
            expectFailure(stranger, 64, "FactPulse has no client", "_candidates")
            let ended = try await fixture.command("bulk-runs", "resolve", "\(run)", line, "--client", uids[1])
            #expect(ended.exit == .code(0), "\(ended.stderr)")
            for words in ["line 2, \"Société 1\", SIRET \(SandboxWorld.siret(1))", "its client is \(uids[1])"] {
                #expect(ended.stdout.contains(words), "\(ended.stdout)")
            }
            #expect(!ended.stdout.contains("update-clients"), "it has a SIRET")
            let taken = try await fixture.command("bulk-runs", "resolve", "\(run)", "3", "--client", uids[1])
            expectFailure(taken, 64, "is that of line 2 of run \(run)")
            let skipped = try await fixture.command("bulk-runs", "resolve", "\(run)", "3", "--skip", "--json")
            #expect(
                skipped.object?["state"] as? String == "skipped" && skipped.object?["name"] as? String == "Société 2"
            )
            let missing = try await fixture.command("bulk-runs", "resolve", "\(run)", "1", "--skip")
            expectFailure(missing, 64, "no row on line 1", "bulk-runs rows \(run)")
            let status = try await fixture.command("bulk-runs", "status", "\(run)")
            #expect(
                status.stdout.contains("created, of them 1 found by reading FactPulse or named by a person"),
                "\(status.stdout)"
            )
            #expect(
                try await fixture.command("bulk-runs", "status", "\(run)", "--json").object?["adopted"] as? Int == 1
            )
        }
    }

    @Test func `a client without a SIRET is taken for a row that has one, and how it gets it is said`() async throws {
        try await WorkerFixture.with { fixture in
            let worker = try await fixture.livingWorker()
            let lines = ["nom;siret", "Dupont;"]
            let first = try fixture.programs.write(lines.joined(separator: "\n"), to: "first.csv")
            #expect(try await fixture.command("bulk", "create-clients", first, "--wait").exit == .code(0))
            let second = try fixture.programs.write("nom;siret\nDupont;\(SandboxWorld.siret(1))", to: "second.csv")
            let waited = try await fixture.command("bulk", "create-clients", second, "--wait")
            #expect(waited.exit == .code(1) && waited.stdout.contains("bulk-runs resolve"), "\(waited.stdout)")
            let uid = try #require(try await fixture.sandbox.clients().first?.uid)
            let ended = try await fixture.command("bulk-runs", "resolve", "2", "2", "--client", uid)
            #expect(ended.exit == .code(0), "\(ended.stderr)")
            #expect(
                ended.stdout.contains("no SIRET); to give it the row's SIRET: bulk update-clients"),
                "\(ended.stdout)"
            )
            #expect(try await fixture.sandbox.clients().count == 1)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }
}
