import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// What `bulk` does with its options, as its user sees it.
@Suite(.database)
struct CLIBulkTests {
    @Test func `--errors writes the refused rows, and the others are imported all the same`() async throws {
        try await WorkerFixture.with { fixture in
            let text = "nom;siret\nA;\(SandboxWorld.siret(1))\nB;12\nC;\(SandboxWorld.siret(3))\n"
            let file = try fixture.programs.write(text, to: "a.csv")
            let errors = fixture.programs.folder.appending(path: "errors.csv").path(percentEncoded: false)
            let ended = try await fixture.command("bulk", "create-clients", file, "--skip-invalid", "--errors", errors)
            #expect(ended.exit == .code(0), "\(ended.stderr)")
            let lines = try String(contentsOfFile: errors, encoding: .utf8).split(whereSeparator: \.isNewline)
            #expect(lines.count == 2 && lines[1].hasPrefix("B;12;3;rejected;"), "\(lines)")
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows") == 3)
            #expect(try await fixture.number("SELECT row_count FROM factpulse.bulk_runs") == 3)
        }
    }

    @Test func `the same file again reports its run and starts nothing, --force-new starts another`() async throws {
        try await WorkerFixture.with { fixture in
            let run = try await fixture.importClients(2)
            let file = fixture.programs.folder.appending(path: "clients-2.csv").path(percentEncoded: false)
            let again = try await fixture.command("bulk", "create-clients", file, "--json")
            #expect(again.exit == .code(0) && again.object?["run"] as? Int == Int(run))
            #expect(again.stderr.contains("nothing new was started"))
            #expect(try await fixture.number("SELECT count(*) FROM queue.jobs") == 1)
            let other = try await fixture.command("bulk", "create-clients", file, "--force-new", "--json")
            #expect(other.object?["run"] as? Int == Int(run) + 1)
        }
    }

    @Test func `a run that is over says that nothing was done now, and is not retried for nothing`() async throws {
        try await WorkerFixture.with { fixture in
            let (uids, file) = (try await fixture.sandbox.seedClients(1), "d.csv")
            let path = try fixture.programs.write("uid\n\(uids[0])\n", to: file)
            for operation in ["deactivate", "activate"] {
                #expect(try await fixture.command("bulk", operation, path).exit == .code(0))
                #expect(try await fixture.worker("--drain").waitForExit().exit == .code(0))
            }
            let again = try await fixture.command("bulk", "deactivate", path, "--wait")
            #expect(again.exit == .code(0) && again.stdout.contains("nothing was done now"), "\(again.stdout)")
            let object = try await fixture.command("bulk", "deactivate", path, "--wait", "--json").object
            #expect(object?["repeated"] as? Bool == true && object?["state"] as? String == "finished")
            #expect(try await fixture.sandbox.clients().allSatisfy { $0.isActive })
            expectFailure(try await fixture.command("bulk-runs", "retry", "1"), 64, "none of its rows failed")
            #expect(try await fixture.command("bulk", "deactivate", path, "--force-new").exit == .code(0))
            #expect(try await fixture.worker("--drain").waitForExit().exit == .code(0))
            #expect(try await fixture.sandbox.clients().allSatisfy { !$0.isActive })
        }
    }

    @Test func `the same file with other options names the run that it has, and ends as that did`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\(SandboxWorld.siret(1))\nB;12\n", to: "a.csv")
            let first = try await fixture.command("bulk", "create-clients", file, "--skip-invalid", "--fix")
            #expect(first.exit == .code(0) && !first.stderr.contains("other options"), "\(first.stderr)")
            #expect(try await fixture.worker("--drain").waitForExit().exit == .code(0))
            let same = try await fixture.command("bulk", "create-clients", file, "--skip-invalid", "--fix")
            #expect(same.exit == .code(1), "a row was rejected")
            let other = try await fixture.command("bulk", "create-clients", file, "--skip-invalid")
            #expect(other.exit == .code(0) && other.stderr.contains("run 1, finished, imported this same file"))
        }
    }

    @Test func `what differs of clients that existed is in the summary and in the result file`() async throws {
        try await WorkerFixture.with { fixture in
            _ = try await fixture.sandbox.seedClients(2)
            let worker = try await fixture.livingWorker()
            let result = fixture.programs.folder.appending(path: "result.csv").path(percentEncoded: false)
            let file = try fixture.writeClients(3)
            let ended = try await fixture.command("bulk", "create-clients", file, "--wait", "--result", result)
            #expect(ended.exit == .code(0), "\(ended.stderr)")
            #expect(
                ended.stdout.contains("EXISTS_OTHER_NAME: 2 rows, whose client has another name"),
                "\(ended.stdout)"
            )
            let lines = try String(contentsOfFile: result, encoding: .utf8).split(whereSeparator: \.isNewline)
            #expect(lines.count { $0.contains(";exists;") && $0.contains(";EXISTS_OTHER_NAME;") } == 2, "\(lines)")
            let object = try #require(try await fixture.command("bulk-runs", "status", "1", "--json").object)
            #expect(object["warnings"] as? [String: Int] == ["EXISTS_OTHER_NAME": 2] && object["exists"] as? Int == 2)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `--dry-run writes nothing and needs neither database nor API`() async throws {
        try await Programs.with { programs in
            let file = try programs.write("nom;siret\nA;\(SandboxWorld.siret(1))\nB;12\n", to: "a.csv")
            let ended = try await programs.run(
                "factpulse-worker",
                ["bulk", "create-clients", file, "--dry-run", "--json"],
                environment: ["DATABASE_URL": "postgresql://joe@127.0.0.1:1/x"]
            )
            #expect(ended.exit == .code(65), "\(ended.stderr)")
            let object = try #require(ended.object)
            #expect(object["run"] is NSNull && object["rows"] as? Int == 2 && object["rejected"] as? Int == 1)
            let errors = try #require(object["errors"] as? [[String: Any]])
            #expect(errors.count == 1 && errors[0]["line"] as? Int == 3 && errors[0]["column"] as? String == "siret")
            #expect(errors[0]["code"] is String && errors[0]["message"] is String)
        }
    }

    @Test func `columns, encoding and delimiter are taken as they are given`() async throws {
        try await WorkerFixture.with { fixture in
            let file = fixture.programs.folder.appending(path: "odd.csv")
            let text = "Id|Dénomination usuelle|Numéro\n1|Café|\(SandboxWorld.siret(1))\n"
            try #require(text.data(using: .utf16LittleEndian)).write(to: file)
            let ended = try await fixture.command(
                "bulk",
                "create-clients",
                file.path(percentEncoded: false),
                "--encoding",
                "utf-16le",
                "--delimiter",
                "pipe",
                "--map",
                "name=Dénomination usuelle",
                "--map",
                "siret=#3"
            )
            #expect(ended.exit == .code(0), "\(ended.stderr)")
            #expect(
                try await fixture.number(
                    "SELECT count(*) FROM factpulse.bulk_rows WHERE name = 'Café' AND siret IS NOT NULL"
                ) == 1
            )
            let unknown = try await fixture.command(
                "bulk",
                "create-clients",
                file.path(percentEncoded: false),
                "--encoding",
                "utf-16le",
                "--map",
                "name=Raison"
            )
            expectFailure(unknown, 65, "Raison")
            let field = try await fixture.command(
                "bulk",
                "create-clients",
                file.path(percentEncoded: false),
                "--encoding",
                "utf-16le",
                "--map",
                "nom=x"
            )
            expectFailure(field, 64, "names no field: use one of name, siret, description")
            expectFailure(try await fixture.command("bulk", "create-clients", "-"), 64, "standard input is not read")
            for wrong in ["name", "=x", "name="] {
                let usage = try await fixture.command("bulk", "create-clients", "x.csv", "--map", wrong)
                #expect(usage.exit == .code(64) && usage.stderr.contains("FIELD=COLUMN"))
            }
        }
    }
}
