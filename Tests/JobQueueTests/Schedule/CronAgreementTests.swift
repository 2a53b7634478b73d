import Foundation
import JobQueue
import struct Sandbox.SplitMix64
import TestSupport
import Testing

/// Our expressions against croniter's, which share no line.
struct CronAgreementTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "croniter_next.py").path(percentEncoded: false)
    private static let zones = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]

    @Test func `3,000 expressions agree with croniter outside of days when clocks change`() async throws {
        var random = SplitMix64(state: 5)
        let cases = (0..<3_000).map { _ in Case(&random) }
        let file = FileManager.default.temporaryDirectory.appending(path: "cron-\(UUID().uuidString).tsv")
        defer { try? FileManager.default.removeItem(at: file) }
        let lines = cases.map { "\($0.expression)\t\($0.zone.identifier)\t\($0.instant)\n" }
        try Data(lines.joined().utf8).write(to: file)
        let theirs = try await Program.run(
            try await TestPython.path(),
            [Self.script, file.path(percentEncoded: false)]
        )
        let answers = theirs.output.split(separator: "\n").map { $0.split(separator: " ").compactMap { Int($0) } }
        try #require(theirs.status == 0 && answers.count == cases.count, "\(theirs.output.suffix(2_000))")

        var compared = 0
        for (each, answer) in zip(cases, answers) {
            let cron = try CronExpression(each.expression)
            var after = each.instant
            for theirs in answer {
                let date = Date(timeIntervalSince1970: TimeInterval(after))
                let ours = cron.next(after: date, in: each.zone).map { Int($0.timeIntervalSince1970) }
                if !each.changes(from: after, to: max(ours ?? 0, theirs)) {
                    #expect(ours == theirs, "\(each.expression) in \(each.zone.identifier) after \(after)")
                    compared += 1
                }
                after = theirs
            }
        }
        #expect(compared >= 3_000, "only \(compared) of \(cases.count * 3) were far from a change")
    }

    private struct Case {
        let expression: String
        let zone: TimeZone
        /// Seconds since 1970.
        let instant: Int

        init(_ random: inout SplitMix64) {
            // No field of days names every day but *: croniter takes such a field for *. Nor a day after the 28th, from which
            // croniter counts into the next month.
            expression = [
                Self.field(0...59, &random), Self.field(0...23, &random), Self.field(1...28, &random),
                Self.field(
                    1...12,
                    &random,
                    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
                ),
                Self.field(1...5, &random, names: ["mon", "tue", "wed", "thu", "fri"]),
            ].joined(separator: " ")
            zone = zones.randomElement(using: &random).flatMap { TimeZone(identifier: $0) } ?? .gmt
            instant = Int.random(in: 1_700_000_000...1_900_000_000, using: &random)
        }

        /// Whether clocks change near either end. What lies between does not matter.
        func changes(from first: Int, to last: Int) -> Bool {
            [first, last].contains { instant in
                let date = Date(timeIntervalSince1970: TimeInterval(instant))
                let offsets = [-2.0, 2.0].map { zone.secondsFromGMT(for: date.addingTimeInterval($0 * 86_400)) }
                return offsets[0] != offsets[1]
            }
        }

        private static func field(_ range: ClosedRange<Int>, _ random: inout SplitMix64, names: [String] = []) -> String
        {
            guard Int.random(in: 0..<5, using: &random) > 1 else { return "*" }
            return (0..<Int.random(in: 1...3, using: &random)).map { _ in part(range, &random, names) }
                .joined(separator: ",")
        }

        private static func part(_ range: ClosedRange<Int>, _ random: inout SplitMix64, _ names: [String]) -> String {
            let first = Int.random(in: range, using: &random)
            let last = Int.random(in: first...range.upperBound, using: &random)
            let step = Int.random(in: 2...max(2, range.count / 2), using: &random)
            func text(_ value: Int) -> String {
                let useName = !names.isEmpty && Bool.random(using: &random)
                return useName ? names[value - range.lowerBound] : "\(value)"
            }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return text(first)
            case 1 where first < last: return "\(text(first))-\(text(last))"
            case 2 where first < last: return "\(first)-\(last)/\(step)"
            case 3:
                return range == 1...28 || range == 1...5
                    ? "\(range.lowerBound)-\(range.upperBound)/\(step)" : "*/\(step)"
            default: return text(last)
            }
        }
    }
}
