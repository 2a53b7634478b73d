import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct CLIStatusTests {
    @Test func `what is wrong comes first, each line with the command that mends it`() async throws {
        try await WorkerFixture.with { fixture in
            try await StuckWork.make(in: fixture)
            let text = try await fixture.command("status")
            #expect(text.exit == .code(0), "\(text.stderr)")
            let first = text.stdout.prefix { $0 != "\n" }
            #expect(first.hasPrefix("! jobs: "))
            let ended = try await fixture.command("status", "--json")
            let problems = try #require(ended.object?["problems"] as? [[String: String]])
            for (check, words) in StuckWork.cures {
                let problem = problems.first { $0["check"] == check }
                #expect(problem?["message"]?.contains(words) == true, "\(check): \(problems)")
                #expect(text.stdout.contains(words))
            }
        }
    }

    @Test func `a quiet installation has nothing wrong, and its worker is seen`() async throws {
        try await WorkerFixture.with { fixture in
            let worker = try await fixture.livingWorker()
            let text = try await fixture.command("status")
            #expect(text.stdout.hasPrefix("Nothing is wrong.\n"), "\(text.stdout)")
            let ended = try await fixture.command("status", "--json")
            let workers = try #require(ended.object?["workers"] as? [[String: Any]])
            #expect(workers.count == 1 && workers[0]["alive"] as? Bool == true)
            #expect((workers[0]["name"] as? String)?.hasSuffix(":\(worker.pid)") == true)
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `a run that waits is shown with its progress, and jobs by kind and state`() async throws {
        try await WorkerFixture.with { fixture in
            _ = try await fixture.importClients(4)
            try await fixture.database.execute("UPDATE factpulse.bulk_rows SET state = 'skipped' WHERE row = 1")
            let ended = try await fixture.command("status", "--json")
            let runs = try #require(ended.object?["runs"] as? [[String: Any]])
            #expect(runs.count == 1 && runs[0]["rows"] as? Int == 4 && runs[0]["open"] as? Int == 3)
            let jobs = try #require(ended.object?["jobs"] as? [[String: Any]])
            #expect(jobs.count == 1 && jobs[0]["kind"] as? String == "start-run" && jobs[0]["ready"] as? Int == 1)
            #expect(jobs[0]["oldest_ready_seconds"] is Double)
            #expect(try await fixture.command("status").stdout.contains("25 %"))
        }
    }
}

/// One of everything that can be stuck.
enum StuckWork {
    /// By check: words of what mends it.
    static let cures = [
        "jobs": "jobs list --state quarantined", "runs": "bulk-runs retry 1",
        "rows": "bulk-runs rows 1 --state needs_review",
        "workers": "factpulse-worker run", "rate limit": "lower FACTPULSE_RATE_LIMIT", "batches": "see its log",
    ]

    static func make(in fixture: WorkerFixture) async throws {
        _ = try await fixture.importClients(2)
        let limit = "\(fixture.sandbox.url.replacing("http://", with: ""))/\(fixture.settings["FACTPULSE_EMAIL"] ?? "")"
        try await fixture.database.pipeline([
            "UPDATE factpulse.bulk_rows SET state = 'needs_review', error_code = 'E' WHERE row = 1",
            "UPDATE factpulse.bulk_runs SET state = 'paused', reason = 'FactPulse denied access'",
            """
            INSERT INTO queue.rate_limits (name, cap, rate, blocked_until)
            VALUES (\(limit), 200, 100, clock_timestamp() + interval '1 hour')
            """,
            "INSERT INTO queue.batches (callback_kind, callback_args, sealed) VALUES ('finish-run', '{\"run\": 1}', true)",
            """
            INSERT INTO queue.jobs (id, state, kind, args, queue, priority, max_attempts, error, ended_at)
            VALUES (0, 'quarantined', 'create-client', '{}', 'default', 100, 8, 'x', now())
            """,
            """
            INSERT INTO queue.attempts (job_id, attempt, token, worker, outcome, error, started_at)
            VALUES (0, 1, 1, 'w', 'crashed', 'x', now())
            """,
        ])
    }
}
