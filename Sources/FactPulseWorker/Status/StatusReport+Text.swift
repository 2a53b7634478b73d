extension StatusReport {
    /// One screen for people, without a line end at its end.
    var text: String {
        let wrong = problems.map { Output.bold("! \($0.check): \($0.message)") }
        let parts = [
            wrong.isEmpty ? "Nothing is wrong." : wrong.joined(separator: "\n"),
            workersText, jobsText, ratesText, runsText, syncsText,
        ]
        return parts.filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private var workersText: String {
        var table = TextTable([
            ("worker", .left), ("version", .left), ("running", .right), ("of", .right), ("last beat", .left),
        ])
        for worker in workers {
            let beat = "\(Duration.seconds(worker.silentSeconds).spoken) ago"
            table.add(
                worker.name,
                worker.version,
                "\(worker.running)",
                "\(worker.concurrency)",
                worker.alive ? beat : "\(beat): dead, its jobs will be taken over"
            )
        }
        return table.isEmpty ? "" : table.text
    }

    private var jobsText: String {
        var table = TextTable([
            ("jobs", .left), ("ready", .right), ("scheduled", .right), ("parked", .right), ("running", .right),
            ("crashed", .right),
            ("quarantined", .right), ("failed today", .right), ("oldest ready", .left),
        ])
        for kind in jobs {
            table.add(
                kind.kind,
                kind.ready.grouped,
                kind.scheduled.grouped,
                kind.parked.grouped,
                kind.running.grouped,
                kind.blamed.grouped,
                kind.quarantined.grouped,
                kind.failedWithinDay.grouped,
                kind.oldestReadySeconds.map { "made \(Duration.seconds($0).spoken) ago" } ?? ""
            )
        }
        return table.isEmpty ? "No job waits or runs." : table.text
    }

    private var ratesText: String {
        var table = TextTable([
            ("rate limit", .left), ("requests/s", .right), ("of", .right), ("throttled", .right), ("closed for", .left),
        ])
        for limit in rateLimits {
            table.add(
                limit.name,
                limit.rate.spoken,
                limit.cap.spoken,
                limit.throttled.counted("time"),
                limit.blockedSeconds > 0 ? Duration.seconds(limit.blockedSeconds).spoken : ""
            )
        }
        return table.isEmpty ? "" : table.text
    }

    private var syncsText: String {
        var table = TextTable([
            ("sync", .left), ("rows", .right), ("age", .left), ("promised", .left), ("coverage", .right),
            ("last", .left),
            ("account", .left),
        ])
        for sync in syncs {
            table.add(
                sync.stream,
                sync.rows.grouped,
                sync.ageSeconds.map { Duration.seconds($0).spoken } ?? "never complete",
                Duration.seconds(sync.promiseSeconds).spoken,
                sync.coveragePercent.map { "\($0.spoken) %" } ?? "",
                sync.lastOutcome ?? "",
                sync.account
            )
        }
        return table.isEmpty ? "" : table.text
    }

    private var runsText: String {
        var table = TextTable([
            ("run", .right), ("state", .left), ("over", .right), ("rows", .right), ("open", .right),
            ("needs review", .right), ("failed today", .right), ("file", .left),
        ])
        for run in runs {
            let over = run.rows == 0 ? 100 : (run.rows - run.open) * 100 / run.rows
            table.add(
                "\(run.run)",
                run.state,
                "\(over) %",
                run.rows.grouped,
                run.open.grouped,
                run.needsReview.grouped,
                run.failedWithinDay.grouped,
                run.file
            )
        }
        return table.isEmpty ? "" : table.text
    }
}
