import Foundation
import JobQueue
import Testing

@testable import FactPulseWorker

struct ScheduleFileTests {
    @Test func `the schedules that are built in can be read`() throws {
        let schedules = try ScheduleSource.embedded.read()
        #expect(schedules.map(\.name).contains("sync-clients"))
        #expect(schedules.allSatisfy { $0.cron.next(after: .now, in: $0.zone) != nil })
    }

    @Test func `every member of a schedule is read`() throws {
        let text = """
            schedules:
              second:
                job: sync-clients
                cron: "@daily"
              first:
                job: finish-run
                args: {run: 7, note: "7", whole: yes, part: 1.5}
                cron: "0 3 * * mon-fri"
                time_zone: Europe/Paris
                missed: all(max 10)
                overlap: true
                queue: nightly
            """
        let schedules = try Self.parse(text)
        #expect(schedules.map(\.name) == ["first", "second"])
        let first = try #require(schedules.first)
        #expect(first.arguments == #"{"note":"7","part":1.5,"run":7,"whole":true}"#)
        #expect(first.kind == "finish-run" && first.queue == "nightly" && first.overlap)
        #expect(first.cron.description == "0 3 * * mon-fri" && first.zone.identifier == "Europe/Paris")
        #expect(first.missed == .all(atMost: 10))
        let second = schedules[1]
        #expect(second.arguments == "{}" && second.queue == "default" && !second.overlap && second.missed == .last)
        #expect(second.zone.secondsFromGMT() == 0)
    }

    @Test(arguments: ["", "# nothing\n", "schedules:\n", "schedules: {}\n"])
    func `a file may hold no schedule`(text: String) throws {
        #expect(try Self.parse(text).isEmpty)
    }

    @Test(arguments: [
        ("job: sync-clients\ncron: '@daily'\ncrone: x", 5, "“crone” is no member: did you mean cron?"),
        ("job: sync-client\ncron: '@daily'", 3, "“sync-client” is no kind of job: did you mean sync-clients?"),
        ("job: zzzzzzzzzz\ncron: '@daily'", 3, "there are sync-clients, finish-run"),
        ("cron: '@daily'", 2, "nightly has no job: add a line such as “job: sync-clients”"),
        ("job: sync-clients", 2, "nightly has no cron: add a line"),
        ("job: sync-clients\ncron: '61 * * * *'", 4, "the minute is 0 to 59, not “61”"),
        ("job: sync-clients\ncron: * * * * *", 4, "write the expression in quotes"),
        ("job: sync-clients\ncron: '@daily'\ntime_zone: Europe/Pari", 5, "did you mean Europe/Paris?"),
        ("job: sync-clients\ncron: '@daily'\ntime_zone: XYZW/QQQQQQQ", 5, "there are UTC or Europe/Paris"),
        ("job: sync-clients\ncron: '@daily'\nmissed: all", 5, "missed is skip, last, or all(max 1)"),
        ("job: sync-clients\ncron: '@daily'\nmissed: all(max 3)", 5, "add “overlap: true”"),
        ("job: sync-clients\ncron: '@daily'\noverlap: maybe", 5, "overlap is true or false"),
        ("job: sync-clients\ncron: '@daily'\nargs: [1]", 5, "args holds names and values"),
        ("job: sync-clients\ncron: '@daily'\nargs: {run: [1]}", 5, "an argument is a number"),
        ("job: sync-clients\njob: sync-clients\ncron: '@daily'", 3, "“job” stands there twice"),
    ]) func `what is wrong is told with its line and a cure`(members: String, line: Int, words: String) throws {
        let indented = members.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        try Self.expectRefused("schedules:\n  nightly:\n\(indented)\n", line, words)
    }

    @Test(arguments: [
        ("- a\n", 1, "the file holds “schedules:”"),
        ("schedule: {}\n", 1, "“schedule” is not known"),
        ("schedules:\n  - a\n", 2, "below “schedules:” stand names"),
        ("schedules:\n  Nightly: {}\n", 2, "“Nightly” is no name: use up to 63 lower-case letters"),
        ("schedules:\n  nightly: 5\n", 2, "below “nightly:” stand its members"),
        ("schedules: {a: [\n", 2, "no YAML"),
    ]) func `a file of another form is told what it should hold`(text: String, line: Int, words: String) throws {
        try Self.expectRefused(text, line, words)
    }

    private static func parse(_ text: String) throws -> [Schedule] {
        try ScheduleFile(name: "s.yaml", kinds: ["sync-clients", "finish-run"]).parse(text)
    }

    private static func expectRefused(_ text: String, _ line: Int, _ words: String) throws {
        let error = #expect(throws: ScheduleFileError.self) { try parse(text) }
        let told = error?.description ?? ""
        #expect(told.hasPrefix("s.yaml:\(line): ") && told.contains(words), "\(told)")
    }
}
