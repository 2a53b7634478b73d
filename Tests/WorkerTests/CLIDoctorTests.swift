import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// `doctor` against real failures. What it says of facts that a test cannot make is in DoctorFindingTests.
@Suite(.database)
struct CLIDoctorTests {
    /// One check of the report.
    private struct Entry {
        let status: String
        let message: String
    }

    private func checks(_ ended: RunningProgram.Ended) throws -> [String: Entry] {
        let object = try #require(ended.object, "\(ended.stdout) \(ended.stderr)")
        let list = try #require(object["checks"] as? [[String: String]])
        let pairs = list.map { ($0["check"] ?? "", Entry(status: $0["status"] ?? "", message: $0["message"] ?? "")) }
        if case .code(let code) = ended.exit { #expect(object["exit_code"] as? Int == Int(code)) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    @Test func `an installation in order has nothing that failed, and each check says so in one line`() async throws {
        try await WorkerFixture.with { fixture in
            let worker = try await fixture.livingWorker()
            let ended = try await fixture.command("doctor", "--json")
            #expect(ended.exit == .code(0) && ended.stderr.isEmpty, "\(ended.stdout) \(ended.stderr)")
            let checks = try checks(ended)
            #expect(checks.count == 22)
            for (name, entry) in checks {
                // The tests' own server is not durable, and the sandbox has no quota.
                let expected = ["durability": ["ok", "warning"], "quota": ["skipped"]][name] ?? ["ok"]
                #expect(expected.contains(entry.status), "\(name) \(entry)")
                #expect(!entry.message.isEmpty && !entry.message.contains("\n"))
            }
            let text = try await fixture.command("doctor")
            #expect(text.exit == .code(0) && text.stdout.contains("Nothing failed"))
            #expect(text.stdout.split(separator: "\n").count == checks.count + 1)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `a database that cannot be written, and a queue that nobody serves, are told with their cure`()
        async throws
    {
        try await WorkerFixture.with { fixture in
            _ = try await fixture.livingWorker()
            try await fixture.database.execute("SELECT queue.enqueue('finish-run', '{\"run\": 1}', queue => 'other')")
            let unserved = try checks(try await fixture.command("doctor", "--json"))["workers"]
            #expect(
                unserved?.status == "warning" && unserved?.message.contains("run --queue other") == true,
                "\(unserved as Any)"
            )

            let name = try await fixture.database.query("SELECT current_database()")[0].decode(at: 0, as: String.self)
            try await fixture.database.execute(
                SQL(stringLiteral: "ALTER DATABASE \(name) SET default_transaction_read_only = on")
            )
            let ended = try await fixture.command("doctor", "--json")
            #expect(ended.exit == .code(78))
            #expect(try checks(ended)["database"]?.message.contains("is read-only") == true)
        }
    }

    @Test func `no secret is shown, whatever is wrong`() async throws {
        try await WorkerFixture.with { fixture in
            let settings = [
                "DATABASE_URL": "postgresql://joe:hunter2@127.0.0.1:1/x", "FACTPULSE_PASSWORD": "hunter2",
            ]
            for arguments in [["doctor"], ["doctor", "--json"]] {
                let ended = try await fixture.programs.run(
                    "factpulse-worker",
                    arguments,
                    environment: fixture.settings.merging(settings) { $1 }
                )
                #expect(ended.exit == .code(69))
                #expect(!(ended.stdout + ended.stderr).contains("hunter2"))
            }
        }
    }

    @Test func `a database that is away fails with 69, and the API is still looked at`() async throws {
        try await WorkerFixture.with { fixture in
            let settings = ["DATABASE_URL": "postgresql://joe@127.0.0.1:1/x"]
            let ended = try await fixture.command("doctor", "--json", settings: settings)
            #expect(ended.exit == .code(69))
            let checks = try checks(ended)
            #expect(checks["database"]?.status == "failed")
            #expect(checks["schema"]?.status == "skipped" && checks["jobs"]?.status == "skipped")
            #expect(checks["schema"]?.message.contains("because of: database") == true)
            #expect(checks["clients"]?.status == "ok")
        }
    }

    @Test func `servers that never answer are given up within seconds`() async throws {
        let server = try RefusingServer(nil, words: "")
        defer { server.close() }
        try await WorkerFixture.with { fixture in
            let settings = [
                "DATABASE_URL": "postgresql://joe@127.0.0.1:\(server.port)/x",
                "FACTPULSE_API_URL": "http://127.0.0.1:\(server.port)", "FACTPULSE_REQUEST_TIMEOUT": "600",
            ]
            let start = ContinuousClock.now
            let ended = try await fixture.command("doctor", "--json", settings: settings)
            // Its limit is 15 s; the rest is for a loaded machine.
            #expect(ContinuousClock.now - start < .seconds(25))
            #expect(ended.exit == .code(69))
            let checks = try checks(ended)
            #expect(checks["database"]?.status == "failed" && checks["api"]?.status == "failed")
        }
    }

    @Test func `refused credentials fail with 77, an API that is away with 69, a wrong address with 78`() async throws {
        try await WorkerFixture.with { fixture in
            let refused = try await fixture.command("doctor", "--json", settings: ["FACTPULSE_PASSWORD": "wrong"])
            #expect(refused.exit == .code(77))
            let wrong = try checks(refused)
            #expect(wrong["api"]?.status == "ok" && wrong["clients"]?.status == "skipped")
            #expect(wrong["credentials"]?.message.contains("check the credentials") == true)

            let away = ["FACTPULSE_API_URL": "http://127.0.0.1:1"]
            #expect(try await fixture.command("doctor", settings: away).exit == .code(69))
            let misdirected = ["FACTPULSE_API_URL": "\(fixture.sandbox.url)/elsewhere"]
            let lost = try await fixture.command("doctor", "--json", settings: misdirected)
            #expect(lost.exit == .code(78))
            #expect(try checks(lost)["api"]?.message.contains("check FACTPULSE_API_URL") == true)
        }
    }

    @Test func `settings that cannot be used fail with 78, and nothing else is looked at`() async throws {
        let ended = try await CLI.run(["doctor", "--json"], settings: ["FACTPULSE_RATE_LIMIT": "fast"])
        #expect(ended.exit == .code(78))
        let found = try checks(ended)
        #expect(found["settings"]?.status == "failed" && found["database"]?.status == "skipped")
    }

    @Test func `an old or changed schema and a missing right fail with 78`() async throws {
        try await WorkerFixture.with { fixture in
            try await TestDatabase.current.withWeakRole { role in
                try await fixture.database.execute("GRANT SELECT ON public.schema_migrations TO \(identifier: role)")
                let url = try #require(fixture.settings["DATABASE_URL"])
                let weak = ["DATABASE_URL": "\(url)&options=-c%20role%3D\(role)"]
                let powerless = try await fixture.command("doctor", "--json", settings: weak)
                #expect(powerless.exit == .code(78))
                #expect(try checks(powerless)["rights"]?.message.contains("lacks USAGE on schema") == true)
            }

            try await fixture.database.execute("UPDATE public.schema_migrations SET checksum = '' WHERE version = 1")
            let changed = try await fixture.command("doctor", "--json")
            #expect(changed.exit == .code(78))
            #expect(try checks(changed)["schema"]?.message.contains("was changed") == true)
            try await fixture.database.execute("DELETE FROM public.schema_migrations")
            let old = try await fixture.command("doctor", "--json")
            #expect(old.exit == .code(78))
            #expect(try checks(old)["schema"]?.message.contains("run factpulse-worker migrate") == true)
            #expect(try checks(old)["jobs"]?.status == "skipped")
        }
    }

    @Test func `a secret that others may read and a setting that does not exist are warnings`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write(SandboxConfiguration().password, to: "password")
            var settings = ["FACTPULSE_PASSWORD": "", "FACTPULSE_PASSWORD_FILE": file, "FACTPULSE_RATE_LIMITS": "3"]
            chmod(file, 0o644)
            let open = try await fixture.command("doctor", "--json", settings: settings)
            #expect(open.exit == .code(0))
            let checks = try checks(open)
            #expect(checks["secrets"]?.status == "warning")
            #expect(checks["secrets"]?.message.contains("chmod 0400 \(file)") == true)
            #expect(checks["settings"]?.message.contains("did you mean FACTPULSE_RATE_LIMIT?") == true)
            chmod(file, 0o440)
            settings["FACTPULSE_RATE_LIMITS"] = nil
            let closed = try await fixture.command("doctor", "--json", settings: settings)
            #expect(try self.checks(closed)["secrets"]?.status == "ok")
            #expect(try self.checks(closed)["settings"]?.status == "ok")
        }
    }

    @Test func `what is stuck is a warning that names the next command`() async throws {
        try await WorkerFixture.with { fixture in
            try await StuckWork.make(in: fixture)
            let ended = try await fixture.command("doctor", "--json")
            #expect(ended.exit == .code(0))
            let checks = try checks(ended)
            for (check, words) in StuckWork.cures {
                #expect(checks[check]?.status == "warning", "\(check)")
                #expect(checks[check]?.message.contains(words) == true, "\(checks[check]?.message ?? "none")")
            }
        }
    }
}
