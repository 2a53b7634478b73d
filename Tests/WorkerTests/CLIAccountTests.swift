import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// One database works for one account.
@Suite(.database)
struct CLIAccountTests {
    /// The same sandbox under another name: for us, another account.
    private func elsewhere(_ fixture: WorkerFixture) -> [String: String] {
        ["FACTPULSE_API_URL": fixture.sandbox.url.replacing("127.0.0.1", with: "localhost")]
    }

    @Test func `what acts for another account exits 78 and names both, until the database is handed over`() async throws
    {
        try await WorkerFixture.with { fixture in
            let worker = try await fixture.livingWorker()
            _ = try await fixture.importClients(2)
            try await fixture.until("SELECT count(*) = 2 FROM factpulse.bulk_rows WHERE state = 'done'")
            let other = elsewhere(fixture)
            let file = try fixture.programs.write("nom;siret\nA;\(SandboxWorld.siret(9))\n", to: "a.csv")
            let uid = "0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e"
            let commands = [
                ["run"], ["run", "--drain"], ["bulk", "create-clients", file], ["sync", "clients"], ["sync", "pdp"],
                ["keys", "rotate", uid], ["webhooks", "delete", uid, "--yes"],
            ]
            for arguments in commands {
                let ended = try await fixture.command(arguments, settings: other)
                #expect(ended.exit == .code(78), "\(arguments) \(ended.stderr)")
                let words = ["127.0.0.1", "localhost", "--account-moved", "DATABASE_URL"]
                #expect(words.allSatisfy { ended.errorLine?.contains($0) == true }, "\(ended.stderr)")
            }
            #expect(try await fixture.command("status", settings: other).exit == .code(0), "looking is free")
            #expect(try await fixture.command("doctor", settings: other).exit == .code(78))

            expectFailure(try await fixture.command("migrate", "--account-moved", settings: other), 75, "stop them")
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
            let wrong = other.merging(["FACTPULSE_PASSWORD": "wrong"]) { $1 }
            expectFailure(try await fixture.command("migrate", "--account-moved", settings: wrong), 77, "credentials")
            let moved = try await fixture.command("migrate", "--account-moved", settings: other)
            #expect(moved.exit == .code(0) && moved.stderr.contains("localhost"), "\(moved.stderr)")
            #expect(try await fixture.command("bulk", "create-clients", file, settings: other).exit == .code(0))
            #expect(try await fixture.command(["run", "--drain"], settings: other).exit == .code(0))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 3)
            expectFailure(try await fixture.command("run"), 78, "--account-moved")
        }
    }

    @Test func `a worker makes the database its account's when its login is accepted, and not before`() async throws {
        try await WorkerFixture.with { fixture in
            let refused = try await fixture.livingWorker(settings: ["FACTPULSE_PASSWORD": "wrong"])
            let line = try await refused.waitForLine("refuses the credentials")
            #expect(line.contains(" error ") && !line.contains("wrong"))
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.accounts") == 0)
            _ = try await fixture.livingWorker()
            try await fixture.until("SELECT count(*) = 1 FROM factpulse.accounts WHERE name LIKE '127.0.0.1:%'")
            #expect(refused.isRunning)
            #expect(try refused.lines("refuses the credentials").count == 1)
        }
    }
}
