import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct ScheduleChaosTests {
    /// A night before Europe puts its clocks back.
    private static let begin = Date(timeIntervalSince1970: 1_792_800_000)
    private static let file = """
        schedules:
          quarters: {job: finish-run, args: {run: 0}, cron: "*/15 * * * *", time_zone: Europe/Paris, missed: all(max 999), overlap: true}
          hours: {job: finish-run, args: {run: 0}, cron: "@hourly", time_zone: Europe/Paris, missed: last, overlap: true}
          nights: {job: finish-run, args: {run: 0}, cron: "30 3 * * *", time_zone: Europe/Paris, missed: skip, overlap: true}
        """

    @Test(.timeLimit(.minutes(10)))
    func `no tick is lost or fires twice, though workers are killed and the clock runs on`() async throws {
        try await WorkerFixture.with { fixture in
            let clock = try await ScheduleClock(fixture.database, at: Self.begin)
            let path = try fixture.programs.write(Self.file, to: "schedules.yaml")
            var workers: [RunningProgram] = []
            for _ in 0..<3 { workers.append(try await fixture.livingWorker("--schedules", path)) }
            var now = Self.begin
            let pause = Chaos.days * 86_400 / Double(Chaos.scheduleKills)
            for kill in 0..<Chaos.scheduleKills {
                for part in 0..<10 {
                    // At random within the next tenth, so that some ticks are on time, and some are found together.
                    let instant = Self.begin + pause * (Double(kill) + (Double(part) + .random(in: 0..<1)) / 10)
                    now = max(now, instant)
                    try await clock.set(now)
                    try await Task.sleep(for: .milliseconds(.random(in: 10..<100)))
                }
                let victim = Int.random(in: 0..<3)
                try await workers[victim].die()
                workers[victim] = try fixture.worker("--schedules", path)
            }
            let end = Self.begin + Chaos.days * 86_400
            try await clock.set(end)
            try await fixture.until("SELECT min(next_at) > \(end)::timestamptz FROM queue.schedules")
            try await fixture.until(
                "SELECT count(*) = 0 FROM queue.jobs WHERE state = 'pending'",
                within: .seconds(120)
            )
            try await compare(fixture, end)
        }
    }

    /// PostgreSQL says which instants there were: it knows clocks from somebody else.
    private func compare(_ fixture: WorkerFixture, _ end: Date) async throws {
        let expected: SQL = """
            expected (schedule, instant) AS (
                SELECT 'quarters', q FROM generate_series(\(Self.begin)::timestamptz, \(end), interval '15 min') q
                UNION ALL
                SELECT 'hours', h FROM generate_series(\(Self.begin)::timestamptz, \(end), interval '1 h') h
                UNION ALL
                SELECT 'nights', (d::date + time '03:30') AT TIME ZONE 'Europe/Paris'
                  FROM generate_series(\(Self.begin)::timestamptz - interval '1 day', \(end), interval '1 day') d
            ), due AS (SELECT * FROM expected WHERE instant > \(Self.begin) AND instant <= \(end))
            """
        let lost = try await fixture.number(
            "WITH \(expected) SELECT count(*) FROM (TABLE due EXCEPT SELECT schedule, instant FROM queue.ticks) x"
        )
        let strange = try await fixture.number(
            "WITH \(expected) SELECT count(*) FROM (SELECT schedule, instant FROM queue.ticks EXCEPT TABLE due) x"
        )
        let fired = try await fixture.number("SELECT count(*) FROM queue.ticks WHERE outcome = 'enqueued'") ?? 0
        let missed =
            try await fixture.number(
                "SELECT count(*) FROM queue.ticks WHERE outcome = 'missed' AND reason LIKE 'no worker was there%'"
            ) ?? 0
        let jobs = try await fixture.number("SELECT count(*) FROM queue.jobs") ?? 0
        let distinct = try await fixture.number(
            "SELECT count(DISTINCT t.job_id) FROM queue.ticks t JOIN queue.jobs j ON j.id = t.job_id WHERE j.state = 'done'"
        )
        let skipped = try await fixture.number(
            "SELECT count(*) FROM queue.ticks WHERE schedule = 'quarters' AND outcome = 'missed'"
        )

        let figures = Figures(
            title: "schedules: 3 workers, \(Chaos.scheduleKills) kills in \(Int(Chaos.days)) simulated days"
        )
        let ticks = try await fixture.number("SELECT count(*) FROM queue.ticks") ?? 0
        try figures.note("ticks", ticks)
        try figures.note("fired", fired)
        try figures.expect("lost (no row says what became of it)", lost ?? -1, "0", lost == 0)
        try figures.expect("ticks that there were not", strange ?? -1, "0", strange == 0)
        try figures.expect("doubled (jobs beside one a fired tick)", jobs - fired, "0", jobs == fired)
        try figures.expect("fired ticks whose own job is done", distinct ?? -1, "all", distinct == fired)
        try figures.expect("missed, each with its reason", missed, "all others", missed == ticks - fired)
        try figures.expect("missed though made up for", skipped ?? -1, "0", skipped == 0)
        #expect(missed > 0 && fired > 0, "the clock ran, and workers were away")
    }
}
