import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The fixed exit codes, one by one, each with its one line.
@Suite(.database)
struct CLIExitCodeTests {
    @Test func `0 is done, 1 is done with rows that failed`() async throws {
        try await WorkerFixture.with { fixture in
            let worker = try await fixture.livingWorker()
            let good = try fixture.programs.write("nom;siret\nA;\(SandboxWorld.siret(1))\n", to: "good.csv")
            let done = try await fixture.command("bulk", "create-clients", good, "--wait")
            #expect(done.exit == .code(0), "\(done.stderr)")
            let bad = try fixture.programs.write("nom;siret\nB;\(SandboxWorld.siret(2))\nC;12\n", to: "bad.csv")
            let troubled = try await fixture.command("bulk", "create-clients", bad, "--wait", "--skip-invalid")
            #expect(troubled.exit == .code(1), "\(troubled.stderr)")
            let started = try worker.lines("The run has started")
            #expect(started.count == 2 && started[0].contains("run=1"), "\(started)")
            let finished = try worker.lines("The run is finished")
            #expect(
                finished.count == 2 && finished[0].contains("done=1") && finished[0].contains("run=1"),
                "\(finished)"
            )
            #expect(troubled.stdout.contains("bulk-runs rows 2 --output"), "what to do next: \(troubled.stdout)")
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `64 is wrong usage, also of numbers that name nothing`() async throws {
        try await WorkerFixture.with { fixture in
            expectFailure(try await fixture.command("bulk-runs", "status", "7"), 64, "bulk-runs list")
            expectFailure(try await fixture.command("bulk-runs", "rows", "7"), 64, "bulk-runs list")
            expectFailure(try await fixture.command("bulk-runs", "retry", "7"), 64, "bulk-runs list")
            expectFailure(try await fixture.command("bulk-runs", "cancel", "7"), 64, "bulk-runs list")
            expectFailure(try await fixture.command("bulk-runs", "resolve", "7", "1", "--skip"), 64, "bulk-runs rows 7")
            expectFailure(try await fixture.command("jobs", "show", "7"), 64, "jobs list")
            expectFailure(try await fixture.command("jobs", "retry", "7"), 64, "jobs list")
            expectFailure(try await fixture.command("jobs", "cancel", "7"), 64, "jobs list")
            for option in ["--queue", "--unique-key", "--concurrency-key"] {
                let long = String(repeating: "a", count: 9_000)
                let ended = try await fixture.command(
                    "jobs",
                    "enqueue",
                    "finish-run",
                    "--args",
                    #"{"run": 1}"#,
                    option,
                    long
                )
                #expect(ended.exit == .code(64) && ended.stderr.contains("1 to 500 bytes"), "\(ended.stderr)")
            }
            for arguments in [["--nope"], ["bulk"], ["run", "--concurrency", "0"], ["jobs", "list", "--limit", "0"]] {
                #expect(try await CLI.run(arguments).exit == .code(64))
            }
        }
    }

    @Test func `69 is a database or an API that is not there, and nothing is begun`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\n", to: "a.csv")
            let noDatabase = ["DATABASE_URL": "postgresql://postgres:hunter2@127.0.0.1:1/x"]
            for arguments in [["status"], ["jobs", "list"], ["migrate"], ["bulk", "create-clients", file]] {
                let settings = fixture.settings.merging(noDatabase) { $1 }
                let ended = try await CLI.run(arguments, settings: settings)
                expectFailure(ended, 69, "check that PostgreSQL runs there", "DATABASE_URL")
                #expect(!ended.stderr.contains("hunter2"))
            }
            let noAPI = ["FACTPULSE_API_URL": "http://127.0.0.1:1"]
            let unreachable = try await fixture.command("bulk", "create-clients", file, settings: noAPI)
            expectFailure(unreachable, 69, "check FACTPULSE_API_URL")
            try await fixture.sandbox.setFaults(Faults(faults: [FaultRule(.status, on: "listClients", status: 503)]))
            expectFailure(try await fixture.command("bulk", "create-clients", file), 69, "try again")
            try await fixture.expectNothingBegun()
        }
    }

    @Test func `70 is a state that the program did not foresee`() async throws {
        try await WorkerFixture.with { fixture in
            try await fixture.database.execute("ALTER TABLE queue.workers ALTER COLUMN concurrency TYPE text")
            try await fixture.database.execute(
                "INSERT INTO queue.workers (name, version, queues, concurrency) VALUES ('w', '1', '{}', 'many')"
            )
            expectFailure(try await fixture.command("status"), 70, "please report it")
        }
    }

    @Test func `75 is not done now: throttled, out of time, or interrupted`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\n", to: "a.csv")
            try await fixture.sandbox.setFaults(Faults(faults: [FaultRule(.throttle, on: "listClients")]))
            expectFailure(try await fixture.command("bulk", "create-clients", file), 75, "slow down")
            try await fixture.expectNothingBegun()
            try await fixture.sandbox.setFaults(Faults())

            let late = try await fixture.command("bulk", "create-clients", file, "--wait", "--max-wait", "0.1s")
            expectFailure(late, 75, "bulk-runs status 1 --wait")
            let following = try fixture.programs.start(
                "factpulse-worker",
                ["bulk-runs", "status", "1", "--wait"],
                environment: fixture.settings
            )
            // It tells how far the run is only when its ear is open for signals.
            try await following.waitForLine("run 1: 0 %")
            following.signal(SIGINT)
            expectFailure(try await following.waitForExit(), 75, "run 1 goes on")
        }
    }

    @Test func `77 is credentials that are refused, by the API or the database, and nothing is begun`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\n", to: "a.csv")
            let wrong = ["FACTPULSE_PASSWORD": "hunter2"]
            let refused = try await fixture.command("bulk", "create-clients", file, settings: wrong)
            expectFailure(refused, 77, "check the credentials")
            #expect(!refused.stderr.contains("hunter2"))
            try await fixture.expectNothingBegun()

            let server = try RefusingServer("28P01", words: "password authentication failed for user \"joe\"")
            defer { server.close() }
            let url = "postgresql://joe:hunter2@127.0.0.1:\(server.port)/x?sslmode=disable&gssencmode=disable"
            let closed = try await fixture.command("status", settings: ["DATABASE_URL": url])
            expectFailure(closed, 77, "check the user and the password in DATABASE_URL")
            #expect(!closed.stderr.contains("hunter2"))
        }
    }

    @Test func `78 is a configuration to mend: a setting, the schema, a right`() async throws {
        try await WorkerFixture.with { fixture in
            let wrong = [
                ("FACTPULSE_RATE_LIMIT", "fast", "FACTPULSE_RATE_LIMIT"),
                ("DATABASE_URL", "postgresql://joe:hunter2%zz@host/db", "percent-encode"),
                ("FACTPULSE_PASSWORD_FILE", "/nowhere", "unset one of them"),
                ("FACTPULSE_CONFIG", "/nowhere", "cannot be read"),
            ]
            for (name, value, words) in wrong {
                let ended = try await fixture.command("status", settings: [name: value])
                expectFailure(ended, 78, words)
                #expect(!ended.stderr.contains("hunter2"))
            }
            let missing = ["FACTPULSE_EMAIL": "", "FACTPULSE_PASSWORD": ""]
            expectFailure(try await fixture.command("run", settings: missing), 78, "FACTPULSE_EMAIL")
            let clear = ["FACTPULSE_API_URL": "http://factpulse.example"]
            expectFailure(try await fixture.command("run", settings: clear), 78, "use https://")

            try await fixture.database.execute("DELETE FROM public.schema_migrations WHERE version > 1")
            for command in ["status", "run"] {
                expectFailure(try await fixture.command(command), 78, "run factpulse-worker migrate")
            }
        }
    }
}

extension WorkerFixture {
    /// No run, no job, and no client that the sandbox would remember.
    func expectNothingBegun(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await number("SELECT count(*) FROM factpulse.bulk_runs") == 0, sourceLocation: sourceLocation)
        #expect(try await number("SELECT count(*) FROM queue.jobs") == 0, sourceLocation: sourceLocation)
        #expect(try await sandbox.ledger().clients == 0, sourceLocation: sourceLocation)
    }
}
