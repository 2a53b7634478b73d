import Foundation
import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct ReplaceSchedulesTests {
    @Test func `a new set says what changed, and the same set changes nothing`() async throws {
        let fixture = try await ScheduleFixture()
        var (first, second) = (try fixture.schedule(), try fixture.schedule("@daily"))
        second.name = "every-day"
        #expect(
            try await fixture.store.replaceSchedules(with: [first, second]).map(\.description)
                == ["every-day: new, @daily", "every-hour: new, @hourly"]
        )
        #expect(try await fixture.store.replaceSchedules(with: [first, second]).isEmpty)
        first.cron = try CronExpression("*/30 * * * *")
        first.arguments = #"{ "n":1 }"#
        first.missed = .skip
        #expect(
            try await fixture.store.replaceSchedules(with: [first]).map(\.description) == [
                "every-day: removed",
                #"every-hour: args was {}, is {"n":1}; cron was @hourly, is */30 * * * *; missed was last, is skip"#,
            ]
        )
        #expect(try await fixture.store.replaceSchedules(with: [first]).isEmpty, "the same JSON in other words")
    }

    @Test func `a schedule begins with its next time, and goes on where it was when its job alone changes`()
        async throws
    {
        let fixture = try await ScheduleFixture()
        var schedule = try fixture.schedule()
        func next() async throws -> Double? {
            try await JobStore.schedules(in: fixture.queue.database).schedules.first?.next
                .map { $0.timeIntervalSince(ScheduleFixture.begin) / 3_600 }
        }
        try await fixture.set(hours: 0.5)
        _ = try await fixture.store.replaceSchedules(with: [schedule])
        #expect(try await next() == 1)
        // Two ticks are due when the job changes: they are not forgotten.
        try await fixture.set(hours: 2.5)
        schedule.arguments = #"{"n": 1}"#
        _ = try await fixture.store.replaceSchedules(with: [schedule])
        #expect(try await next() == 1)
        // Other times hold from now on.
        schedule.cron = try CronExpression("15 * * * *")
        _ = try await fixture.store.replaceSchedules(with: [schedule])
        #expect(try await next() == 3.25)
    }

    @Test func `what is due by the old times is judged before others take their place`() async throws {
        let fixture = try await ScheduleFixture()
        let scheduler = Scheduler(store: fixture.store, logger: .quiet)
        try await scheduler.replace(with: [fixture.schedule()])
        try await fixture.set(hours: 2.5)
        try await scheduler.replace(with: [fixture.schedule("15 * * * *")])
        #expect(try await fixture.ticks().map(\.hours) == [1, 2])
    }

    @Test(arguments: [
        ("nop", "{}", "schedule every-hour: unknown job kind 'nop'"),
        ("noop", #"{"m": 1}"#, "schedule every-hour: a noop job takes no argument 'm'"),
    ]) func `a job that the queue would refuse is refused with its schedule, and nothing changes`(
        kind: String,
        arguments: String,
        words: String
    ) async throws {
        let fixture = try await ScheduleFixture()
        var (good, bad) = (try fixture.schedule(), try fixture.schedule())
        good.name = "a-good-one"
        (bad.kind, bad.arguments) = (JobKind(rawValue: kind), arguments)
        let error = await #expect(throws: ScheduleRefused.self) {
            try await fixture.store.replaceSchedules(with: [good, bad])
        }
        #expect(error?.description.hasPrefix(words) == true, "\(error?.description ?? "")")
        #expect(try await fixture.queue.count("queue.schedules") == 0)
    }
}
