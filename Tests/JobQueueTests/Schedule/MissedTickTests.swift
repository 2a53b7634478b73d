import Foundation
import Testing

@testable import JobQueue

struct MissedTickTests {
    /// Ten minutes of a schedule for every minute: nine ticks are late, two are not.
    @Test(arguments: [
        ("skip", [9, 10]), ("last", [9, 10]), ("all(max 3)", [6, 7, 8, 9, 10]), ("all(max 99)", Array(0...10)),
    ]) func `ticks on time fire, and late ones by policy`(policy: String, fired: [Int]) throws {
        let verdicts = try Self.schedule("* * * * *", policy).judge(from: Self.begin, now: Self.begin + 600)
        #expect(verdicts.map(\.instant) == (0...10).map { Self.begin + Double($0) * 60 })
        #expect(verdicts.indices.filter { verdicts[$0].reason == nil } == fired)
    }

    @Test(arguments: [("skip", []), ("last", [2]), ("all(max 2)", [1, 2])])
    func `where all are late, the policy says how many are made up for`(policy: String, fired: [Int]) throws {
        let verdicts = try Self.schedule("@hourly", policy).judge(from: Self.begin, now: Self.begin + 2.5 * 3_600)
        #expect(verdicts.count == 3)
        #expect(verdicts.indices.filter { verdicts[$0].reason == nil } == fired)
    }

    @Test(arguments: [(60.0, true), (61.0, false)])
    func `a minute is on time`(late: Double, fires: Bool) throws {
        let verdicts = try Self.schedule("@hourly", "skip").judge(from: Self.begin, now: Self.begin + late)
        #expect(verdicts.map { $0.reason == nil } == [fires])
    }

    @Test(arguments: ["", "all", "all(max 0)", "all(max 1000)", "LAST", "all(10)"])
    func `a policy is one of three`(text: String) {
        #expect(MissedPolicy(text) == nil)
    }

    /// A full hour.
    private static let begin = Date(timeIntervalSince1970: 1_764_057_600)

    private static func schedule(_ cron: String, _ policy: String) throws -> Schedule {
        Schedule(
            name: "s",
            kind: "noop",
            cron: try CronExpression(cron),
            missed: try #require(MissedPolicy(policy)),
            overlap: true
        )
    }
}
