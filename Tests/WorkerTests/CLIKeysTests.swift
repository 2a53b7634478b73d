import Foundation
import KeyVault
import Postgres
import TestSupport
import Testing

/// `keys` as an operator meets it.
@Suite(.database)
struct CLIKeysTests {
    @Test func `a key is imported, rotated and shown, and never printed`() async throws {
        try await KeyDeployment.with { fixture, settings, uid, base64 in
            let file = try fixture.programs.write("uid;key\r\n\(uid);\(base64)\r\n", to: "keys.csv")
            let imported = try await fixture.command("keys", "import", file, "--json", settings: settings)
            #expect(imported.object?["active"] as? Int == 1, "\(imported.stderr)")
            let rotate = try await fixture.command("keys", "rotate", uid, "--json", settings: settings)
            #expect((rotate.object?["jobs"] as? [Int])?.count == 1, "\(rotate.stderr)")
            let worker = try await fixture.worker("--drain", settings: settings).waitForExit()
            #expect(worker.exit == .code(0), "\(worker.stderr)")

            let status = try await fixture.command("keys", "status", uid, "--json")
            let keys = try #require(status.object?["keys"] as? [[String: Any]])
            #expect(keys.map { $0["state"] as? String } == ["active", "retired"], "\(status.stdout)")
            let rotations = try #require(status.object?["rotations"] as? [[String: Any]])
            #expect(rotations.map { $0["state"] as? String } == ["succeeded"])
            let verified = try await fixture.command("keys", "verify-escrow", settings: settings)
            #expect(verified.exit == .code(0) && verified.stdout.contains("agree"), "\(verified.stderr)")
            let plan = try await fixture.command("keys", "plan", "--json")
            #expect((plan.object?["due"] as? [Any])?.isEmpty == true)

            for ended in [imported, rotate, worker, status, verified, plan] {
                #expect(!ended.stdout.contains(base64.prefix(12)) && !ended.stderr.contains(base64.prefix(12)))
            }
        }
    }

    @Test func `a KEK is changed, and the old one retired when nothing needs it`() async throws {
        try await KeyDeployment.with { fixture, settings, uid, base64 in
            let file = try fixture.programs.write("\(uid),\(base64)\n", to: "keys.csv")
            #expect(try await fixture.command("keys", "import", file, settings: settings).exit == .code(0))
            let path = try #require(settings["FACTPULSE_KEK_FILE"])
            let old = try String(contentsOfFile: path, encoding: .utf8)
            let new = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
            try FileManager.default.removeItem(atPath: path)
            _ = try fixture.programs.write("\(new)\n\(old)", to: "kek")
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)

            let status = try await fixture.command("keys", "status", "--json")
            let keks = try #require(status.object?["keks"] as? [[String: Any]])
            let id = try #require(keks.first?["id"] as? String)
            let ended = try await fixture.command("keys", "rewrap", "--retire", id, "--json", settings: settings)
            // The deployment's own key, and the client's.
            #expect(ended.exit == .code(0) && ended.object?["rewrapped"] as? Int == 2, "\(ended.stderr)")
            #expect(try await fixture.command("keys", "status").stdout.contains("KEK \(id): retired"))
            let twice = try await fixture.command("keys", "rewrap", "--retire", "nonsense", settings: settings)
            expectFailure(twice, 64, "no KEK's id")
        }
    }

    @Test func `what cannot be imported is refused whole, by its place and without its text`() async throws {
        try await KeyDeployment.with { fixture, settings, uid, base64 in
            let bad = [
                ("\(uid);\(base64)\nnobody;\(base64)\n", "line 2"), ("\(uid);\(base64.prefix(40))\n", "line 1"),
                (#"[{"uid": "\#(uid)", "key": 7}]"#, "JSON"), ("", "no key"), ("\(uid);\(base64);x\n", "line 1"),
            ]
            for (number, (text, words)) in bad.enumerated() {
                let file = try fixture.programs.write(text, to: "bad-\(number)")
                let ended = try await fixture.command("keys", "import", file, settings: settings)
                expectFailure(ended, 65, words)
                #expect(!ended.stderr.contains(base64.prefix(12)))
            }
            #expect(
                try await fixture.number("SELECT count(*) FROM factpulse.secrets WHERE purpose = 'client-key'") == 0
            )
        }
    }

    @Test func `a rotation that waits for a person is seen in the exit code`() async throws {
        try await KeyDeployment.with { fixture, settings, uid, base64 in
            let json =
                #"[{"uid": "\#(uid)", "key": "\#(SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() })"}]"#
            let file = try fixture.programs.write(json, to: "keys.json")
            #expect(try await fixture.command("keys", "import", file, settings: settings).exit == .code(0))
            #expect(try await fixture.command("keys", "rotate", uid).exit == .code(0))
            let worker = try await fixture.worker("--drain", settings: settings).waitForExit()
            #expect(worker.stderr.contains("keys restore"), "the log says what to do: \(worker.stderr)")
            let status = try await fixture.command("keys", "status")
            #expect(status.exit == .code(1) && status.stdout.contains("lost"), "\(status.stderr)")
            // The right key is found, and brought in.
            let right = try fixture.programs.write("\(uid);\(base64)\n", to: "right.csv")
            let imported = try await fixture.command("keys", "import", right, "--json", settings: settings)
            #expect(imported.object?["uncertain"] as? Int == 1, "\(imported.stderr)")
            #expect(try await fixture.command("keys", "rotate", uid, "--resume").exit == .code(0))
            _ = try await fixture.worker("--drain", settings: settings).waitForExit()
            #expect(try await fixture.command("keys", "status").exit == .code(0))
        }
    }

    @Test func `wrong settings are refused with their cure`() async throws {
        try await WorkerFixture.with { fixture in
            expectFailure(try await fixture.command("keys", "rewrap"), 78, "FACTPULSE_KEK_FILE", "chmod 0400")
            let open = try fixture.programs.write("x", to: "open")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: open)
            let half = ["FACTPULSE_KEK_FILE": open]
            expectFailure(try await fixture.command("keys", "rewrap", settings: half), 78, "FACTPULSE_ESCROW_FILE")
            let both = half.merging(["FACTPULSE_ESCROW_FILE": open + ".jsonl"]) { $1 }
            expectFailure(try await fixture.command("keys", "rewrap", settings: both), 78, "chmod 0400")
            expectFailure(try await fixture.command("keys", "status", "nobody"), 64, "no client's uid")
        }
    }

    @Test func `a second campaign is put off with exit code 75, and told which is the first`() async throws {
        try await WorkerFixture.with { fixture in
            let first = try await fixture.command("keys", "rotate", "--due", "--json")
            let job = try #require((first.object?["jobs"] as? [Int])?.first, "\(first.stderr)")
            let second = try await fixture.command("keys", "rotate", "--due")
            expectFailure(second, 75, "campaign of job \(job) has not ended", "jobs cancel \(job)")
            #expect(try await fixture.command("jobs", "cancel", "\(job)").exit == .code(0))
            #expect(try await fixture.command("keys", "rotate", "--due").exit == .code(0))
        }
    }

    @Test func `a rotation that needs a person is shown with the commands to run next`() async throws {
        try await KeyDeployment.with { fixture, settings, uid, _ in
            let strange = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
            let file = try fixture.programs.write("\(uid);\(strange)\n", to: "strange.csv")
            #expect(try await fixture.command("keys", "import", file, settings: settings).exit == .code(0))
            #expect(try await fixture.command("keys", "rotate", uid).exit == .code(0))
            _ = try await fixture.worker("--drain", settings: settings).waitForExit()
            for arguments in [["keys", "status"], ["keys", "status", uid]] {
                let status = try await fixture.run(arguments, [:])
                #expect(status.exit == .code(1))
                let next = ["keys restore", "keys rotate \(uid) --resume", "keys resolve \(uid)"]
                for words in [uid, "lost", "kept"] + next {
                    #expect(status.stderr.contains(words), "\(words): \(status.stderr)")
                }
            }
            let json = try await fixture.command("keys", "status", "--json")
            let rotations = try #require(json.object?["rotations"] as? [[String: Any]])
            #expect((rotations.first?["next"] as? String)?.contains("keys resolve \(uid)") == true, "\(json.stdout)")
        }
    }
}
