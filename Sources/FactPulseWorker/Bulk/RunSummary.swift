import Jobs

/// What became of a run, on one screen.
struct RunSummary {
    let run: BulkRun
    let counts: BulkCounts
    let health: RunHealth?
    /// Whether it was over before the command that shows it began, which was asked to do it.
    var isRepeated = false

    func print(asJSON: Bool) throws {
        guard asJSON else { return try Output.print(text) }
        var answer = RunAnswer(run, counts)
        answer.health = health
        answer.isRepeated = isRepeated
        try Output.json(answer)
    }

    private var text: String {
        var lines = ["run \(run.id): \(run.operation.rawValue) of \(run.fileName.shown), \(run.state.rawValue)"]
        if isRepeated {
            lines.append(
                "the same file was imported on \(run.createdAt.spoken): this is what it came to, and nothing was done now; "
                    + "to do it again: --force-new"
            )
        }
        if let reason = run.reason { lines.append("reason: \(reason)") }
        if let trouble = health?.trouble { lines.append(trouble.sentence) }
        var table = TextTable([("rows", .right), ("state", .left), ("meaning", .left)])
        for state in BulkRowState.allCases where counts[state] > 0 {
            table.add(counts[state].grouped, state.rawValue, meaning(of: state))
        }
        table.add(counts.rows.grouped, "in all", "")
        lines += ["", table.text]
        if !warnings.isEmpty { lines += [""] + warnings }
        let next = advice
        return (next.isEmpty ? lines : lines + [""] + next).joined(separator: "\n")
    }

    private func meaning(of state: BulkRowState) -> String {
        let meaning = run.operation.meaning(of: state)
        guard state == .done, counts.adopted > 0 else { return meaning }
        return "\(meaning), of them \(counts.adopted.grouped) found by reading FactPulse or named by a person"
    }

    /// What somebody should know of rows whose client existed.
    private var warnings: [String] {
        counts.warnings.sorted { $0.key < $1.key }.map { code, count in
            "\(code): \(count.counted("row")), \(BulkWarning(rawValue: code)?.meaning ?? "see the rows")"
        }
    }

    private var advice: [String] {
        var lines: [String] = []
        if health?.isStuck == true {
            lines.append("no job goes on with it: factpulse-worker bulk-runs retry \(run.id)")
        }
        if run.state == .paused, counts[.ready] + counts[.staged] > 0 {
            lines.append("leave one row out: factpulse-worker bulk-runs resolve \(run.id) LINE --skip")
        }
        if run.state == .cancelled {
            lines.append("import the file once more: factpulse-worker bulk \(run.operation.rawValue) FILE --force-new")
        }
        if counts[.needsReview] > 0 {
            lines.append(
                "decide: factpulse-worker bulk-runs rows \(run.id) --state needs_review, then bulk-runs resolve"
            )
        }
        if counts[.rejected] + counts[.duplicate] + counts[.failed] > 0 {
            lines.append("every row and why: factpulse-worker bulk-runs rows \(run.id) --output result.csv")
        }
        if run.state == .paused || counts[.failed] > 0 {
            lines.append("send again: factpulse-worker bulk-runs retry \(run.id)")
        }
        return lines
    }
}
