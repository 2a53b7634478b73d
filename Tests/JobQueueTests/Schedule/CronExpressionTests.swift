import Foundation
import JobQueue
import Testing

struct CronExpressionTests {
    @Test(arguments: [
        ("* * * *", "has 4 fields, not five"),
        ("", "has 0 fields"),
        ("@often", "there are @annually, @daily, @hourly"),
        ("60 * * * *", "the minute is 0 to 59, not “60”"),
        ("-1 * * * *", "the minute is 0 to 59, not “”"),
        ("+1 * * * *", "the minute is 0 to 59, not “+1”"),
        ("*/0 * * * *", "the step of the minute is 1 to 60, not “0”"),
        ("*/+5 * * * *", "the step of the minute is 1 to 60, not “+5”"),
        ("*/ * * * *", "the step of the minute is 1 to 60, not “”"),
        ("1,,2 * * * *", "the minute is 0 to 59, not “”"),
        ("* 24 * * *", "the hour is 0 to 23, not “24”"),
        ("* 9-5 * * *", "the hour “9-5” ends before it begins; name two ranges"),
        ("* * 0 * *", "the day of month is 1 to 31, not “0”"),
        ("* * * 13 *", "the month is 1 to 12 or jan to dec, not “13”"),
        ("* * * mai *", "the month is 1 to 12 or jan to dec, not “mai”"),
        ("* * * * 8", "the day of week is 0 to 7 or sun to sat, not “8”"),
        ("0 0 31 2,4,6 *", "never comes: none of its months has one of its days"),
    ]) func `what is no expression is refused with the cure`(text: String, words: String) throws {
        let error = #expect(throws: CronError.self) { try CronExpression(text) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        // Wednesday.
        ("*/15 * * * *", "2026-11-25T07:07:00Z", "2026-11-25T07:15:00Z"),
        ("@hourly", "2026-11-25T07:00:00Z", "2026-11-25T08:00:00Z"),
        ("@Monthly", "2026-11-25T07:00:00Z", "2026-12-01T00:00:00Z"),
        ("0 9-17/4 * * mon-fri", "2026-11-25T13:00:00Z", "2026-11-25T17:00:00Z"),
        ("50/5 23 * * *", "2026-11-25T23:51:00Z", "2026-11-25T23:55:00Z"),
        ("0 0 * * fri-sun", "2026-11-28T01:00:00Z", "2026-11-29T00:00:00Z"),
        ("0 0 * * sun-sun", "2026-11-25T01:00:00Z", "2026-11-29T00:00:00Z"),
        ("0 0 * * 7", "2026-11-25T01:00:00Z", "2026-11-29T00:00:00Z"),
        // Both days are restricted: one is enough. A day that is * leaves the other alone.
        ("0 0 13 * fri", "2026-11-25T01:00:00Z", "2026-11-27T00:00:00Z"),
        ("0 0 13 * *", "2026-11-25T01:00:00Z", "2026-12-13T00:00:00Z"),
        // No 29 February in 2100.
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("0 0 31 * *", "2026-02-01T00:00:00Z", "2026-03-31T00:00:00Z"),
    ]) func `an expression knows its next instant`(text: String, after: String, next: String) throws {
        #expect(try CronExpression(text).next(after: Self.date(after), in: .gmt) == Self.date(next))
    }

    /// What comes within six hours, as local times with their offsets.
    @Test(arguments: [
        // 02:00 to 03:00 is skipped: once, at the first instant after it.
        ("30 2 * * *", "Europe/Paris", "2026-03-29T00:00:00+01:00", "03:00+02:00"),
        ("*/20 2 * * *", "Europe/Paris", "2026-03-29T00:00:00+01:00", "03:00+02:00"),
        ("0 2,3 * * *", "Europe/Paris", "2026-03-29T00:00:00+01:00", "03:00+02:00"),
        (
            "0 */1 * * *", "Europe/Paris", "2026-03-29T00:30:00+01:00",
            "01:00+01:00 03:00+02:00 04:00+02:00 05:00+02:00 06:00+02:00 07:00+02:00"
        ),
        ("30 2 * * *", "America/New_York", "2026-03-08T00:00:00-05:00", "03:00-04:00"),
        // Half an hour, from 02:00 to 02:30.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00:00+10:30", "02:30+11:00"),
        // 02:00 to 03:00 comes twice: once, at its first.
        ("30 2 * * *", "Europe/Paris", "2026-10-25T00:00:00+02:00", "02:30+02:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01T00:00:00-04:00", "01:30-04:00"),
        // 01:30 to 02:00 comes twice.
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", "01:45+11:00"),
        ("15 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", "01:15+11:00"),
        // Every hour goes on through the hour that is repeated.
        (
            "*/30 * * * *", "Europe/Paris", "2026-10-25T01:00:00+02:00",
            "01:30+02:00 02:00+02:00 02:30+02:00 02:00+01:00 02:30+01:00 03:00+01:00 03:30+01:00 04:00+01:00 04:30+01:00 05:00+01:00 05:30+01:00 06:00+01:00"
        ),
        (
            "40 * * * *", "Australia/Lord_Howe", "2026-04-05T00:00:00+11:00",
            "00:40+11:00 01:40+11:00 01:40+10:30 02:40+10:30 03:40+10:30 04:40+10:30"
        ),
        // A list of all hours is not *.
        (
            "0 0-23 * * *", "Europe/Paris", "2026-10-25T01:30:00+02:00",
            "02:00+02:00 03:00+01:00 04:00+01:00 05:00+01:00 06:00+01:00"
        ),
    ]) func `where clocks change, it is as declared`(text: String, zone: String, begin: String, times: String) throws {
        let zone = try #require(TimeZone(identifier: zone))
        let (cron, begin) = (try CronExpression(text), try Self.date(begin))
        let end = begin.addingTimeInterval(6 * 3_600)
        let style = Date.ISO8601FormatStyle(timeZone: zone).time(includingFractionalSeconds: false)
            .timeZone(separator: .colon)
        let instants = cron.instants(from: begin.addingTimeInterval(1), through: end, in: zone)
        let found = instants.map { $0.formatted(style).replacing(":00+", with: "+").replacing(":00-", with: "-") }
        #expect(found.joined(separator: " ") == times)
        // One at a time they are the same.
        var (stepped, next) = ([Date](), cron.next(after: begin, in: zone))
        while let instant = next, instant <= end {
            stepped.append(instant)
            next = cron.next(after: instant, in: zone)
        }
        #expect(stepped == instants)
    }

    private static func date(_ text: String) throws -> Date {
        try Date(text, strategy: .iso8601)
    }
}
