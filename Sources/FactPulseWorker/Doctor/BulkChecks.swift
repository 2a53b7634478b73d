import Jobs

/// What is said of the bulk runs, by `doctor` and `status`.
enum BulkChecks {
    static func runs(_ bulk: BulkOverview) -> Finding {
        let paused = bulk.runs.filter { $0.run.state == .paused }
        guard let first = paused.last else {
            return .ok("\(bulk.runs.count { $0.open > 0 }.counted("run")) open, none is paused")
        }
        let more = paused.count > 1 ? " (and \(paused.count - 1) more)" : ""
        return .warning(
            "run \(first.run.id)\(more) is paused (\(first.run.reason ?? "no reason is known")): mend the cause, then "
                + "factpulse-worker bulk-runs retry \(first.run.id)"
        )
    }

    static func rows(_ bulk: BulkOverview) -> Finding {
        let review = bulk.runs.filter { $0.needsReview > 0 }
        guard let first = review.last else { return .ok("none needs review") }
        let count = review.reduce(0) { $0 + $1.needsReview }
        return .warning(
            "\(count == 1 ? "1 row needs" : "\(count.grouped) rows need") review: see factpulse-worker bulk-runs rows "
                + "\(first.run.id) --state needs_review, then bulk-runs resolve"
        )
    }
}
