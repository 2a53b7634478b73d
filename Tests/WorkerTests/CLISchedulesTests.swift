import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct CLISchedulesTests {
    private static let nightly = """
        schedules:
          nightly: {job: finish-run, args: {run: 0}, cron: "30 3 * * *", time_zone: Europe/Paris}
        """
    /// 02:00 in Paris, by its summer clocks.
    private static let begin = Date(timeIntervalSince1970: 1_792_800_000)

    @Test func `schedules are listed with their last and next times, by their own clocks`() async throws {
        try await WorkerFixture.with { fixture in
            #expect(try await fixture.command("schedules", "list").stdout.hasPrefix("No schedules"))
            let clock = try await ScheduleClock(fixture.database, at: Self.begin)
            let path = try fixture.programs.write(Self.nightly, to: "s.yaml")
            let worker = try await fixture.livingWorker("--schedules", path)
            try await clock.set(Self.begin + 1.5 * 3_600)
            try await worker.waitForLine("A schedule fired")
            try await fixture.until("SELECT count(*) = 1 FROM queue.jobs WHERE state = 'done'")
            let text = try await fixture.command("schedules", "list").stdout
            #expect(text.contains("2026-10-24 03:30:00+02:00  job 1, done"), "\(text)")
            #expect(text.contains("2026-10-25 03:30:00+01:00"), "\(text)")
            let list = try await fixture.command("schedules", "list", "--json").object?["schedules"] as? [[String: Any]]
            let entry = try #require(list?.first)
            #expect(entry["next"] as? String == "2026-10-25T03:30:00+01:00")
            let last = try #require(entry["last"] as? [String: Any])
            #expect(last["instant"] as? String == "2026-10-24T03:30:00+02:00" && last["job_state"] as? String == "done")
        }
    }

    @Test func `a schedule is run, paused and resumed by its name`() async throws {
        try await WorkerFixture.with { fixture in
            let path = try fixture.programs.write(Self.nightly, to: "s.yaml")
            let worker = try await fixture.livingWorker("--schedules", path)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))

            #expect(try await fixture.command("schedules", "run", "nightly", "--json").object?["job"] as? Int == 1)
            expectFailure(
                try await fixture.command("schedules", "run", "nightly"),
                75,
                "job 1 of schedule nightly",
                "jobs show 1"
            )
            expectFailure(try await fixture.command("schedules", "run", "nightli"), 64, "did you mean nightly?")
            expectFailure(try await fixture.command("schedules", "pause", "x"), 64, "there are nightly")
            #expect(try await fixture.command("schedules", "pause", "nightly").stdout == "schedule nightly: paused\n")
            #expect(try await fixture.command("schedules", "list").stdout.contains("paused"))
            let resumed = try await fixture.command("schedules", "resume", "nightly", "--json")
            #expect(resumed.object?["paused"] as? Bool == false)
            #expect(try await fixture.number("SELECT count(*) FROM queue.schedules WHERE paused_at IS NULL") == 1)
        }
    }

    @Test func `a changed file takes effect on SIGHUP and says what changed, and a bad one changes nothing`()
        async throws
    {
        try await WorkerFixture.with { fixture in
            let path = try fixture.programs.write(Self.nightly, to: "s.yaml")
            let worker = try await fixture.livingWorker("--schedules", path)
            _ = try fixture.programs.write(Self.nightly.replacing("30 3", with: "45 4"), to: "s.yaml")
            worker.signal(SIGHUP)
            let line = try await worker.waitForLine("cron was 30 3 * * *, is 45 4 * * *")
            #expect(line.contains("schedule=nightly"), "\(line)")
            _ = try fixture.programs.write(Self.nightly.replacing("30 3", with: "61 3"), to: "s.yaml")
            worker.signal(SIGHUP)
            let refusal = try await worker.waitForLine("The schedules stay as they were")
            #expect(refusal.contains("s.yaml:2: cron: the minute is 0 to 59"), "\(refusal)")
            #expect(try await fixture.number("SELECT count(*) FROM queue.schedules WHERE cron = '45 4 * * *'") == 1)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `a worker does not start with a bad file, and says the line`() async throws {
        try await WorkerFixture.with { fixture in
            let bad = try fixture.programs.write(Self.nightly.replacing("finish-run", with: "finish-rum"), to: "s.yaml")
            expectFailure(
                try await fixture.command("run", "--schedules", bad),
                78,
                "s.yaml:2: ",
                "did you mean finish-run?"
            )
            expectFailure(try await fixture.command("run", "--schedules", "/nowhere"), 78, "/nowhere: cannot be read")
            let refused = try fixture.programs.write(Self.nightly.replacing("run: 0", with: "rum: 0"), to: "r.yaml")
            expectFailure(
                try await fixture.command("run", "--schedules", refused),
                78,
                "schedule nightly",
                "no argument 'rum'"
            )
        }
    }
}
