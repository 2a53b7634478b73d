import Jobs

/// What the check of a file says: to people a summary by kind of fault, to programs the faults.
struct FileCheckReport {
    /// Single faults that are shown on a screen.
    private static let shownIssues = 20

    private let checked: CheckedFile
    private let operation: BulkOperation
    private let rateLimit: Double
    private let errorsFile: String?

    /// - Parameter errorsFile: Where every refused row stands, if anywhere.
    init(_ checked: CheckedFile, operation: BulkOperation, rateLimit: Double, errorsFile: String?) {
        self.checked = checked
        self.operation = operation
        self.rateLimit = rateLimit
        self.errorsFile = errorsFile
    }

    private var report: FileReport { checked.report }
    private var counts: BulkCounts { checked.report.counts }

    func status(skipInvalid: Bool) -> ExitStatus {
        if counts[.rejected] > 0, !skipInvalid { return .badInput }
        return counts.troubled > 0 ? .troubled : .done
    }

    /// What is wrong with the file as a whole though its rows may be good; `nil` when nothing is.
    var warning: String? {
        report.unusedSirets.map {
            "the column \"\($0.shown)\" looks like SIRETs and is not used: "
                + "rename it to siret, or add --map siret=\($0.shellWord)"
        }
    }

    /// Whether the valid rows are worth having without the others: not where one cause spoiled the file.
    var canSkipInvalid: Bool { counts[.staged] > 0 && report.summary.cure == nil }

    func print(asJSON: Bool) throws {
        guard asJSON else { return try Output.print(text) }
        var answer = RunAnswer(operation: operation, counts: counts)
        answer.file = checked.path
        answer.errors = report.issues.map {
            RunAnswer.Issue(
                line: $0.line,
                column: $0.column,
                code: $0.code.rawValue,
                message: $0.message,
                value: $0.value
            )
        }
        answer.errorsTruncated = report.issues.count >= FileReport.issueLimit
        answer.summary = report.summary.entries.map {
            RunAnswer.SummaryEntry(code: $0.code.rawValue, count: $0.count, lines: $0.firstLines, cure: $0.code.cure)
        }
        answer.cure = report.summary.cure
        answer.fileWarnings = warning.map { [$0] }
        try Output.json(answer)
    }

    /// Without a line end at its end.
    var text: String {
        ([form, mapping, countsTable, summary, issues, plan] as [String]).filter { !$0.isEmpty }.joined(
            separator: "\n\n"
        )
    }

    private var form: String {
        let format = checked.file.file.format
        let blank = report.blankRecords > 0 ? ", \(report.blankRecords.counted("blank line")) left out" : ""
        return "\(checked.path.shown): \(counts.rows.counted("row")), \(format.encoding.rawValue), cells separated by "
            + "\(format.delimiter.name)\(blank)"
    }

    private var mapping: String {
        let format = checked.file.file.format
        var table = TextTable([("field", .left), ("column", .left)])
        for field in checked.file.file.schema.fields {
            table.add(field.name, format.mapping[field.name] ?? "(none)")
        }
        guard !format.ignored.isEmpty else { return table.text }
        let shown =
            format.ignored.prefix(8).map(\.shown).joined(separator: ", ") + (format.ignored.count > 8 ? ", …" : "")
        return "\(table.text)\nkept for the result file only: \(shown)"
    }

    private var countsTable: String {
        var table = TextTable([("valid", .right), ("rejected", .right), ("duplicate", .right), ("rows", .right)])
        table.add(counts[.staged].grouped, counts[.rejected].grouped, counts[.duplicate].grouped, counts.rows.grouped)
        return report.fixed > 0 ? "\(table.text)\nrepaired by --fix: \(report.fixed.counted("row"))" : table.text
    }

    private var summary: String {
        guard !report.summary.isEmpty else { return "" }
        var lines = report.summary.cure.map { [Output.bold($0), ""] } ?? []
        for entry in report.summary.entries {
            let places =
                entry.firstLines.map(String.init).joined(separator: ", ")
                + (entry.count > entry.firstLines.count ? ", …" : "")
            let noun = entry.count == 1 ? "line" : "lines"
            lines.append("\(entry.code.rawValue): \(entry.count.counted("time")), \(noun) \(places)")
            lines.append("    \(entry.code.cure)")
        }
        return lines.joined(separator: "\n")
    }

    private var issues: String {
        // More would bury the summary above, and one cure for the file leaves nothing to read one by one.
        guard !report.issues.isEmpty, report.issues.count <= Self.shownIssues, report.summary.cure == nil else {
            return ""
        }
        return report.issues.map { issue in
            "line \(issue.line)" + (issue.column.isEmpty ? "" : ", \(issue.column.shown)")
                + ": \(issue.code.rawValue) \(issue.message)" + (issue.value.map { " Found: \($0.shown)" } ?? "")
        }.joined(separator: "\n")
    }

    private var plan: String {
        let valid = counts[.staged]
        var lines: [String] = []
        if valid > 0 {
            let pace =
                rateLimit > 0
                ? "about \(Duration.seconds(max(1, Double(valid) / rateLimit)).spoken) at \(Int(rateLimit)) requests/s"
                : "no rate limit"
            lines.append(
                "To \(operation.verb): at most \(valid.counted("client")), \(pace). \(operation.start) when the run starts."
            )
        }
        if counts.troubled > 0 {
            lines.append(errorsFile.map { "Every refused row: \($0)" } ?? "To see every refused row: --errors FILE.")
        }
        if counts[.rejected] > 0, canSkipInvalid {
            lines.append("To import the valid rows only: --skip-invalid.")
        }
        return lines.joined(separator: "\n")
    }
}
