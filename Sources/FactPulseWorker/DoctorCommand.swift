import ArgumentParser

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what is wrong with the installation, and how to mend it.",
        discussion: """
            EXAMPLES:
              factpulse-worker doctor
              factpulse-worker doctor --json

            Looks at the settings, the database, the queue and the API; changes nothing,
            and takes at most some 15 seconds. Ends with 0 when nothing has failed (there
            may be warnings), else with the exit code of the first failure.
            """
    )

    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let diagnosis = await Doctor(config: common.config).examine()
        if output.json {
            try Output.json(Report(diagnosis))
        } else {
            try Output.print(Self.text(diagnosis))
        }
        throw Failure.silent(diagnosis.status)
    }

    private struct Report: Encodable {
        struct Entry: Encodable {
            let check: String
            let status: String
            let message: String
        }

        let schemaVersion = 1
        let healthy: Bool
        let exitCode: Int32
        let checks: [Entry]

        init(_ diagnosis: Diagnosis) {
            healthy = diagnosis.status == .done
            exitCode = diagnosis.status.rawValue
            checks = diagnosis.findings.map {
                Entry(check: $0.check.rawValue, status: $0.finding.word, message: $0.finding.message)
            }
        }
    }

    private static func text(_ diagnosis: Diagnosis) -> String {
        var lines: [String] = []
        var counts: [String: Int] = [:]
        for (check, finding) in diagnosis.findings {
            counts[finding.word, default: 0] += 1
            let line = "\(finding.word.padded(to: 7))  \(check.rawValue.padded(to: 12))  \(finding.message)"
            if case .ok = finding { lines.append(line) } else { lines.append(Output.bold(line)) }
        }
        let failed = counts["failed", default: 0]
        let warnings = counts["warning", default: 0].counted("warning")
        lines.append(failed > 0 ? "\n\(failed) failed, \(warnings)." : "\nNothing failed, \(warnings).")
        return lines.joined(separator: "\n")
    }
}
