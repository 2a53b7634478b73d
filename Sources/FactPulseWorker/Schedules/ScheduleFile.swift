import Foundation
import JobQueue
import Yams

/// A file of schedules that cannot be used: where, and how to mend it.
struct ScheduleFileError: Error, CustomStringConvertible {
    let description: String

    init(_ file: String, line: Int?, _ problem: String) {
        description = "\(file)\(line.map { ":\($0)" } ?? ""): \(problem)"
    }
}

/// Reads schedules from YAML, as `jobs/schedules.yaml` explains it.
struct ScheduleFile {
    private static let members = ["job", "args", "cron", "time_zone", "missed", "overlap", "queue"]

    /// For error messages.
    let name: String
    /// Kinds of job that there are.
    let kinds: [String]

    /// - Throws: ``ScheduleFileError`` for the first thing that is wrong, with its line.
    func parse(_ text: String) throws(ScheduleFileError) -> [Schedule] {
        guard let root = try compose(text) else { return [] }
        let top = try mapping(root, "the file holds “schedules:”, and the schedules indented below")
        for (key, _) in top where key.string != "schedules" {
            throw error(
                key,
                "“\(key.string ?? "?")” is not known; the file holds “schedules:”, and the schedules below"
            )
        }
        guard let list = top["schedules"], !isNull(list) else { return [] }
        var schedules: [Schedule] = []
        for (key, value) in try mapping(list, "below “schedules:” stand names, each with a schedule indented below") {
            schedules.append(try schedule(key, value))
        }
        return schedules.sorted { $0.name < $1.name }
    }

    private func compose(_ text: String) throws(ScheduleFileError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _)
        {
            let line =
                text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(mark.line - 1).first ?? ""
            let cure = line.contains("cron") ? "write the expression in quotes" : "see jobs/schedules.yaml for the form"
            throw ScheduleFileError(name, line: mark.line, "no YAML, \(problem): \(cure)")
        } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
            let twice = keys.joined(separator: ", ")
            throw ScheduleFileError(name, line: context.mark.line, "“\(twice)” stands there twice: take one away")
        } catch {
            throw ScheduleFileError(name, line: nil, "no YAML: see jobs/schedules.yaml for the form")
        }
    }

    private func schedule(_ key: Node, _ value: Node) throws(ScheduleFileError) -> Schedule {
        guard let name = key.string, name.wholeMatch(of: /[a-z][a-z0-9-]{0,62}/) != nil else {
            throw error(key, "“\(key.string ?? "?")” is no name: use up to 63 lower-case letters, digits and hyphens")
        }
        let members = try mapping(value, "below “\(name):” stand its members, such as job and cron, indented")
        for (member, _) in members where !Self.members.contains(member.string ?? "") {
            throw error(member, unknown("member", member.string ?? "?", Self.members))
        }
        guard let job = members["job"] else {
            throw error(key, "\(name) has no job: add a line such as “job: sync-clients”")
        }
        guard let cron = members["cron"] else {
            throw error(key, "\(name) has no cron: add a line such as “cron: \"@daily\"”")
        }
        let schedule = Schedule(
            name: name,
            kind: try kind(job),
            arguments: try members["args"].map(arguments) ?? "{}",
            queue: try members["queue"].map(queue) ?? "default",
            cron: try expression(cron),
            zone: try members["time_zone"].map(zone) ?? .gmt,
            missed: try members["missed"].map(missed) ?? .last,
            overlap: try members["overlap"].map(flag) ?? false
        )
        if case .all = schedule.missed, !schedule.overlap {
            throw error(members["missed"] ?? key, "all(max …) makes several jobs at once: add “overlap: true”")
        }
        return schedule
    }

    private func kind(_ node: Node) throws(ScheduleFileError) -> JobKind {
        guard let kind = node.string, kinds.contains(kind) else {
            throw error(node, unknown("kind of job", node.string ?? "?", kinds))
        }
        return JobKind(rawValue: kind)
    }

    private func expression(_ node: Node) throws(ScheduleFileError) -> CronExpression {
        do {
            return try CronExpression(node.string ?? "")
        } catch let problem {
            throw error(node, "cron: \(problem)")
        }
    }

    private func zone(_ node: Node) throws(ScheduleFileError) -> TimeZone {
        let text = node.string ?? ""
        // An abbreviation such as CET is no place: what its clocks do is not known.
        if text == "UTC" { return .gmt }
        guard TimeZone.knownTimeZoneIdentifiers.contains(text), let zone = TimeZone(identifier: text) else {
            throw error(
                node,
                unknown("time zone", text, TimeZone.knownTimeZoneIdentifiers, such: "UTC or Europe/Paris")
            )
        }
        return zone
    }

    private func missed(_ node: Node) throws(ScheduleFileError) -> MissedPolicy {
        guard let policy = MissedPolicy(node.string ?? "") else {
            throw error(node, "missed is skip, last, or all(max 1) to all(max 999), not “\(node.string ?? "?")”")
        }
        return policy
    }

    private func flag(_ node: Node) throws(ScheduleFileError) -> Bool {
        guard let value = node.bool else { throw error(node, "overlap is true or false, not “\(node.string ?? "?")”") }
        return value
    }

    private func queue(_ node: Node) throws(ScheduleFileError) -> String {
        guard let queue = node.string, !queue.isEmpty else {
            throw error(node, "queue is a name: write one, or leave it out")
        }
        return queue
    }

    /// - Returns: JSON text of an object.
    private func arguments(_ node: Node) throws(ScheduleFileError) -> String {
        var arguments: [String: JSONValue] = [:]
        for (key, value) in try mapping(node, "args holds names and values, such as {allow_mass_delete: false}") {
            guard let name = key.string, let scalar = value.scalar else {
                throw error(value, "an argument is a number, true or false, or text")
            }
            let isPlain = scalar.style == .plain || scalar.style == .any
            arguments[name] =
                if isPlain, let number = value.int { .integer(Int64(number)) } else if isPlain, let number = value.float
                { .number(number) } else if isPlain, let flag = value.bool { .bool(flag) } else {
                    .string(scalar.string)
                }
        }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(arguments), as: UTF8.self)
        } catch let problem {
            throw error(node, "args cannot be written as JSON (\(problem)): use numbers, text, true and false")
        }
    }

    private func mapping(_ node: Node, _ form: String) throws(ScheduleFileError) -> Node.Mapping {
        guard let mapping = node.mapping else { throw error(node, form) }
        return mapping
    }

    private func isNull(_ node: Node) -> Bool { node.null != nil }

    private func error(_ node: Node, _ problem: String) -> ScheduleFileError {
        ScheduleFileError(name, line: node.mark?.line, problem)
    }

    private func unknown(_ what: String, _ word: String, _ known: [String], such: String? = nil) -> String {
        let cure = DidYouMean.nearest(to: word, among: known).map { "did you mean \($0)?" }
        return "“\(word)” is no \(what): \(cure ?? "there are \(such ?? known.joined(separator: ", "))")"
    }
}
