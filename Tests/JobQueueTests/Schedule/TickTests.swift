import Foundation
import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct TickTests {
    @Test func `a tick makes one job, though eight workers fire at once`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule(missed: .all(atMost: 9), overlap: true)])
        for hour in 1...5 {
            try await fixture.set(hours: Double(hour))
            let written = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await fixture.store.fireDue().ticks.count }
                }
                return try await group.reduce(0, +)
            }
            #expect(written == 1)
        }
        #expect(try await fixture.ticks().map(\.hours) == [1, 2, 3, 4, 5])
        #expect(try await fixture.queue.count("queue.jobs") == 5)
        #expect(try await fixture.queue.count("queue.ticks t JOIN queue.jobs j ON j.id = t.job_id") == 5)
    }

    @Test func `nothing is due before its time, and the wait is until then`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule()])
        try await fixture.set(hours: 0.75)
        let (ticks, _, next) = try await fixture.store.fireDue()
        #expect(ticks.isEmpty && next == .seconds(900))
    }

    @Test func `ticks that nobody was there for are rows with a reason`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule()])
        try await fixture.set(hours: 3.5)
        #expect(try await fixture.store.fireDue().ticks.count == 3)
        let ticks = try await fixture.ticks()
        let reason = "no worker was there for it, and a later one fired"
        #expect(ticks.map(\.hours) == [1, 2, 3] && ticks.map(\.reason) == [reason, reason, nil])
        #expect(try await fixture.queue.count("queue.jobs") == 1)
    }

    @Test func `a month of ticks is written in several statements, none lost and none twice`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [
            fixture.schedule("*/4 * * * *", missed: .all(atMost: 3), overlap: true)
        ])
        try await fixture.set(hours: 800)
        var rounds = 0
        while try await fixture.store.fireDue().ticks.count > 0 { rounds += 1 }
        #expect(rounds == 12_000 / JobStore.ticksAtOnce + 1)
        #expect(try await fixture.queue.count("queue.ticks") == 12_000)
        // The three last late ones, and the one on time.
        #expect(try await fixture.queue.count("queue.jobs") == 4)
    }

    @Test func `a paused schedule makes no job, and says so in each tick`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule()])
        #expect(try await fixture.store.pauseSchedule("every-hour", true))
        try await fixture.set(hours: 1)
        _ = try await fixture.store.fireDue()
        #expect(try await fixture.store.pauseSchedule("every-hour", false))
        try await fixture.set(hours: 2)
        _ = try await fixture.store.fireDue()
        #expect(try await fixture.ticks().map(\.reason) == ["the schedule was paused", nil])
        #expect(try await fixture.store.pauseSchedule("no-such", true) == false)
    }

    @Test func `while its job has not ended a schedule makes no second one, unless it may`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule()])
        for hour in 1...2 {
            try await fixture.set(hours: Double(hour))
            _ = try await fixture.store.fireDue()
        }
        let job = try await fixture.store.list(state: nil, kind: nil, limit: 10).map(\.id)
        #expect(try await fixture.ticks().map(\.reason) == [nil, "job \(job[0]) of an earlier tick had not ended"])
        #expect(try await fixture.store.runSchedule("every-hour") == .busy(job: job[0]))

        try await fixture.finishAll()
        guard case .made(let made) = try await fixture.store.runSchedule("every-hour") else {
            Issue.record("the job before has ended")
            return
        }
        #expect(made != job[0])
        #expect(try await fixture.store.runSchedule("no-such") == .notFound)

        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule(overlap: true)])
        try await fixture.set(hours: 3)
        _ = try await fixture.store.fireDue()
        #expect(try await fixture.ticks().last?.reason == nil)
    }

    @Test func `a job that is refused when its time comes is a missed tick, and the schedule goes on`() async throws {
        let fixture = try await ScheduleFixture()
        _ = try await fixture.store.replaceSchedules(with: [fixture.schedule()])
        try await fixture.queue.database.execute("DELETE FROM queue.kinds")
        try await fixture.set(hours: 1)
        _ = try await fixture.store.fireDue()
        let reason = try #require(try await fixture.ticks().last?.reason)
        #expect(reason.hasPrefix("the job was refused: unknown job kind 'noop'"), "\(reason)")
        #expect(try await fixture.queue.count("queue.schedules WHERE next_at > queue.schedule_clock()") == 1)
    }

    @Test(arguments: [
        ("'s', now(), 'enqueued', 1, NULL, now()", nil),
        ("'s', '2026-01-01', 'enqueued', 1, NULL, now()", "ticks_pkey"),
        ("'s', now(), 'enqueued', NULL, NULL, now()", "ticks_job_when_enqueued"),
        ("'s', now(), 'missed', 1, 'why', now()", "ticks_job_when_enqueued"),
        ("'s', now(), 'missed', NULL, NULL, now()", "ticks_reason_when_missed"),
        ("'s', now(), 'lost', NULL, NULL, now()", "ticks_outcome_known"),
        ("'s', now() + interval '1 s', 'missed', NULL, 'why', now()", "ticks_judged_after"),
    ]) func `the database refuses a second tick of one instant, and ticks that say nothing`(row: String, by: String?)
        async throws
    {
        let database = TestDatabase.current.database
        let columns = "schedule, instant, outcome, job_id, reason, judged_at"
        let insert: SQL = "INSERT INTO queue.ticks (\(raw: columns))"
        try await database.execute("\(insert) VALUES ('s', '2026-01-01', 'enqueued', 1, NULL, now())")
        do {
            try await database.execute("\(insert) VALUES (\(raw: row))")
            #expect(by == nil)
        } catch {
            #expect(error.constraint == by, "\(error)")
        }
    }
}
