import Jobs

/// What is said of the bulk runs, by `doctor` and `status`.
enum BulkChecks {
    /// One failure may be chance.
    private static let worthTelling = 2

    static func runs(_ bulk: BulkOverview) -> Finding {
        let stuck = bulk.runs.filter(\.health.isStuck)
        let paused = bulk.runs.filter { $0.run.state == .paused }
        let troubled = bulk.runs.filter { run in
            !run.health.isStuck && run.health.trouble.map { $0.attempts >= worthTelling } ?? false
        }
        let words = [
            first(of: stuck) { "\($0) has no job that goes on with it: factpulse-worker bulk-runs retry \($1.run.id)" },
            first(of: paused) {
                "\($0) is paused (\($1.run.reason ?? "no reason is known")): mend the cause, then factpulse-worker bulk-runs "
                    + "retry \($1.run.id)"
            },
            first(of: troubled) { "\($0) does not get on: \($1.health.trouble?.sentence ?? "")" },
        ].compactMap(\.self)
        guard words.isEmpty else { return .warning(words.joined(separator: "; ")) }
        return .ok("\(bulk.runs.count { $0.open > 0 }.counted("run")) open, none is paused")
    }

    static func rows(_ bulk: BulkOverview) -> Finding {
        let review = bulk.runs.filter { $0.needsReview > 0 }
        let failed = bulk.runs.filter { $0.failed > 0 }
        var words: [String] = []
        if let first = review.last {
            let count = review.reduce(0) { $0 + $1.needsReview }
            words.append(
                "\(count == 1 ? "1 row needs" : "\(count.grouped) rows need") review: see factpulse-worker bulk-runs rows "
                    + "\(first.run.id) --state needs_review, then bulk-runs resolve"
            )
        }
        if let first = failed.last {
            words.append(
                "\(failed.reduce(0) { $0 + $1.failed }.counted("row")) failed within a day: see factpulse-worker bulk-runs rows "
                    + "\(first.run.id) --state failed, then bulk-runs retry \(first.run.id)"
            )
        }
        return words.isEmpty
            ? .ok("none needs review, none failed within a day") : .warning(words.joined(separator: "; "))
    }

    /// Says something of the oldest of some runs, and how many more there are.
    private static func first(
        of runs: [BulkOverview.Run],
        _ sentence: (_ name: String, BulkOverview.Run) -> String
    ) -> String? {
        runs.last.map { run in
            sentence("run \(run.run.id)" + (runs.count > 1 ? " (and \(runs.count - 1) more)" : ""), run)
        }
    }
}

extension RunHealth.Trouble {
    /// Its last error, as all outputs say it.
    var sentence: String {
        attempts == 0 ? "\(kind): \(error)" : "\(kind) failed \(attempts.counted("time")), last: \(error)"
    }
}
