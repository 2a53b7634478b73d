import Postgres
import TestSupport
import Testing

/// Slips of the finger end with 64 and with what was probably meant.
struct CLIMisspellingTests {
    @Test func `a misspelt command, operation, option or state is told what was meant`() async throws {
        for (arguments, meant) in [
            (["bulkk"], "did you mean bulk?"), (["jobs", "lst"], "did you mean list?"),
            (["xyz"], "there are run, migrate"),
        ] {
            expectFailure(try await CLI.run(arguments), 64, meant)
        }
        let operation = try await CLI.run(["bulk", "create-cleints", "x.csv"])
        expectFailure(operation, 64, "did you mean create-clients?")
        for (arguments, meant) in [
            (["jobs", "list", "--stat", "failed"], "Did you mean '--state'?"),
            (["jobs", "list", "--state", "broken"], "quarantined"),
            (["bulk", "create-clients", "x.csv", "--encoding", "latin9"], "windows-1252"),
        ] {
            let ended = try await CLI.run(arguments)
            #expect(ended.exit == .code(64) && ended.stdout.isEmpty)
            #expect(ended.stderr.contains(meant), "\(ended.stderr)")
        }
    }

    @Test(.database) func `a misspelt kind of job and a wrong argument of one are told`() async throws {
        try await WorkerFixture.with { fixture in
            expectFailure(
                try await fixture.command("jobs", "enqueue", "settle-create"),
                64,
                "did you mean settle-creates?"
            )
            expectFailure(try await fixture.command("jobs", "enqueue", "dance"), 64, "create-client, finish-run")
            expectFailure(
                try await fixture.command("jobs", "enqueue", "start-run", "--args", #"{"runn": 1}"#),
                64,
                "It takes: run"
            )
            expectFailure(
                try await fixture.command("jobs", "enqueue", "start-run", "--args", #"{"run": "\u0000"}"#),
                64,
                "Unicode"
            )
            #expect(try await fixture.number("SELECT count(*) FROM queue.jobs") == 0)
        }
    }
}
