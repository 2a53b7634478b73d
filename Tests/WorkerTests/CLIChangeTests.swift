import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The operations on clients that exist, as their user sees them.
@Suite(.database)
struct CLIChangeTests {
    @Test func `a run that changes clients ends with its counts, its result file and its exit code`() async throws {
        try await WorkerFixture.with { fixture in
            let uids = try await fixture.sandbox.seedClients(3)
            let lines = ["uid;nom"] + uids.map { "\($0);Nouveau" } + ["\(UUID());Inconnu"]
            let file = try fixture.programs.write(lines.joined(separator: "\n"), to: "a.csv")
            let result = fixture.programs.folder.appending(path: "result.csv").path(percentEncoded: false)
            let worker = try await fixture.livingWorker()
            let ended = try await fixture.command(
                "bulk",
                "update-clients",
                file,
                "--wait",
                "--json",
                "--result",
                result
            )
            worker.signal(SIGTERM)
            #expect(ended.exit == .code(1), "\(ended.stderr)")
            let object = try #require(ended.object)
            #expect(object["operation"] as? String == "update-clients" && object["rows"] as? Int == 4)
            #expect(object["done"] as? Int == 3 && object["failed"] as? Int == 1)
            let written = try String(contentsOfFile: result, encoding: .utf8).split(whereSeparator: \.isNewline)
            #expect(written.count == 5)
            #expect(written[1].contains("\(uids[0]);Nouveau;2;done;\(uids[0])"), "\(written[1])")
            #expect(written[4].contains("failed") && written[4].contains("CLIENT_NOT_FOUND"), "\(written[4])")
            #expect(try await fixture.sandbox.clients().map(\.name) == ["Nouveau", "Nouveau", "Nouveau"])
        }
    }

    @Test(arguments: ["update-clients", "activate", "deactivate"])
    func `--dry-run says what would be done, and a bad row is bad input`(_ operation: String) async throws {
        let uid = "0f8fad5b-d9cb-469f-a165-70867728950e"
        try await Programs.with { programs in
            let good = try programs.write("uid;nom\n\(uid);A\n", to: "good.csv")
            let plan = try await programs.run("factpulse-worker", ["bulk", operation, good, "--dry-run"])
            #expect(plan.exit == .code(0), "\(plan.stderr)")
            let verb = operation == "update-clients" ? "update" : operation
            #expect(plan.stdout.contains("To \(verb): at most 1 client"), "\(plan.stdout)")
            let bad = try programs.write("uid;nom\n\(uid);A\nx;B\n", to: "bad.csv")
            let check = try await programs.run("factpulse-worker", ["bulk", operation, bad, "--dry-run", "--json"])
            #expect(check.exit == .code(65))
            #expect(check.object?["rejected"] as? Int == 1 && check.object?["ready"] as? Int == 1)
            #expect((check.object?["errors"] as? [[String: Any]])?.first?["code"] as? String == "UID_MALFORMED")
            let none = try programs.write("nom\nA\n", to: "none.csv")
            expectFailure(
                try await programs.run("factpulse-worker", ["bulk", operation, none, "--delimiter", ";"]),
                65,
                "uid, siret"
            )
        }
    }
}
