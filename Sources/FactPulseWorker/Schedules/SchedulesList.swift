import ArgumentParser
import Foundation
import JobQueue
import Postgres

struct SchedulesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the schedules with their last and next times, by their own clocks.",
        discussion: """
            EXAMPLES:
              factpulse-worker schedules list
              factpulse-worker schedules list --json
            """
    )

    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let schedules = try await JobStore(database).scheduleOverview()
        await database.close()
        if output.json { return try Output.json(Report(schedules: schedules.map(Report.Entry.init))) }
        var table = TextTable([
            ("schedule", .left), ("job", .left), ("cron", .left), ("last", .left), ("came to", .left), ("next", .left),
            ("missed in 7 days", .right),
        ])
        for schedule in schedules {
            table.add(
                schedule.name,
                schedule.kind.rawValue,
                schedule.cron,
                schedule.last.map { schedule.text($0.instant) } ?? "never",
                schedule.came,
                schedule.pausedAt != nil ? "paused" : schedule.next.map(schedule.text) ?? "never",
                "\(schedule.missedLately)"
            )
        }
        try Output.print(table.isEmpty ? "No schedules: a worker writes them down when it starts." : table.text)
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let schedules: [Entry]

        /// Times are those of the schedule's own clocks, with their offset.
        struct Entry: Encodable {
            struct Last: Encodable {
                let instant: String
                let job: Int64?
                let jobState: String?
                let missedBecause: String?
            }

            let name: String
            let job: String
            let cron: String
            let timeZone: String
            let missed: String
            let pausedAt: String?
            let last: Last?
            let next: String?
            let missedInSevenDays: Int

            init(_ schedule: ScheduleOverview) {
                name = schedule.name
                job = schedule.kind.rawValue
                cron = schedule.cron
                timeZone = schedule.timeZone
                missed = schedule.missed
                pausedAt = schedule.pausedAt.map { schedule.text($0, separator: .standard) }
                last = schedule.last.map {
                    Last(
                        instant: schedule.text($0.instant, separator: .standard),
                        job: $0.job,
                        jobState: schedule.lastJobState,
                        missedBecause: $0.reason
                    )
                }
                next = schedule.next.map { schedule.text($0, separator: .standard) }
                missedInSevenDays = schedule.missedLately
            }
        }
    }
}

extension ScheduleOverview {
    /// As the clocks of its zone show it: 2026-11-25 03:00:00+01:00.
    fileprivate func text(_ date: Date, separator: Date.ISO8601FormatStyle.DateTimeSeparator) -> String {
        date.formatted(
            Date.ISO8601FormatStyle(
                dateSeparator: .dash,
                dateTimeSeparator: separator,
                timeSeparator: .colon,
                timeZoneSeparator: .colon,
                includingFractionalSeconds: false,
                timeZone: TimeZone(identifier: timeZone) ?? .gmt
            )
        )
    }

    fileprivate func text(_ date: Date) -> String { text(date, separator: .space) }

    /// What the last tick came to.
    fileprivate var came: String {
        guard let last else { return "" }
        guard let job = last.job else { return "missed: \(last.reason ?? "")" }
        return "job \(job), \(lastJobState ?? "gone")"
    }
}
