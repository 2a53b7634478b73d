import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import FactPulseWorker

/// Waiting for a run, and what is said when nothing comes of it.
@Suite(.database)
struct CLIWaitTests {
    @Test func `without a worker that is said at once, and JSON comes though the time is over`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.writeClients(2)
            let ended = try await fixture.command(
                "bulk",
                "create-clients",
                file,
                "--wait",
                "--max-wait",
                "3s",
                "--json"
            )
            #expect(ended.exit == .code(75), "\(ended.stderr)")
            #expect(ended.stderr.contains("no worker is running"), "\(ended.stderr)")
            #expect(ended.object?["ready"] as? Int == 2 && ended.object?["state"] as? String == "staged")
        }
    }

    @Test func `a run that no job goes on with says so, everywhere, with what mends it`() async throws {
        try await WorkerFixture.with { fixture in
            let run = try await fixture.importClients(2)
            #expect(try await fixture.command("jobs", "cancel", "1").exit == .code(0))
            let cure = "bulk-runs retry \(run)"
            let waited = try await fixture.command("bulk-runs", "status", "\(run)", "--wait")
            expectFailure(waited, 75, "no job goes on with run \(run)", cure)
            let status = try await fixture.command("bulk-runs", "status", "\(run)")
            #expect(
                status.stdout.contains("no job goes on with it") && status.stdout.contains(cure),
                "\(status.stdout)"
            )
            let whole = try await fixture.command("status")
            #expect(whole.stdout.contains("! runs: run \(run) has no job"), "\(whole.stdout)")
            let doctor = try await fixture.command("doctor")
            #expect(doctor.stdout.contains(cure), "\(doctor.stdout)")
            let object = try #require(try await fixture.command("bulk-runs", "status", "\(run)", "--json").object)
            #expect(object["stuck"] as? Bool == true && object["last_error"] as? String == "cancelled by an operator")
            let retried = try await fixture.command("bulk-runs", "retry", "\(run)")
            #expect(retried.stdout == "run \(run) goes on\n")
            #expect(try await !fixture.command("status").stdout.contains(cure))
        }
    }

    @Test func `rows that failed within a day are said by status and doctor`() async throws {
        try await WorkerFixture.with { fixture in
            let run = try await fixture.importClients(2)
            try await fixture.database.execute(
                "UPDATE factpulse.bulk_rows SET state = 'failed', error_code = 'X' WHERE row = 1"
            )
            for command in ["status", "doctor"] {
                let text = try await fixture.command(command).stdout
                #expect(
                    text.contains("1 row failed within a day") && text.contains("rows \(run) --state failed"),
                    "\(text)"
                )
            }
        }
    }

    @Test func `the result is written though the run is paused`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 403)
        try await WorkerFixture.with(faults: [fault]) { fixture in
            let worker = try await fixture.livingWorker()
            let result = fixture.programs.folder.appending(path: "result.csv").path(percentEncoded: false)
            let ended = try await fixture.command(
                "bulk",
                "create-clients",
                try fixture.writeClients(8),
                "--wait",
                "--result",
                result
            )
            #expect(ended.exit == .code(77), "\(ended.stderr)")
            #expect(ended.stdout.contains("bulk-runs resolve 1 LINE --skip"), "\(ended.stdout)")
            let text = try String(contentsOfFile: result, encoding: .utf8)
            #expect(text.components(separatedBy: ";ready;").count == 9, "\(text)")
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `a second terminal waits for the first one's rows and then reports its run`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.writeClients(2)
            let arguments = ["bulk", "create-clients", file, "--json"]
            let (first, second) = try await fixture.database.transaction { transaction in
                // The first one stops where it writes its rows.
                try await transaction.execute("LOCK TABLE factpulse.bulk_rows IN SHARE MODE")
                let first = try fixture.programs.start("factpulse-worker", arguments, environment: fixture.settings)
                try await fixture.until(
                    "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
                )
                let second = try fixture.programs.start("factpulse-worker", arguments, environment: fixture.settings)
                try await second.waitForLine("another terminal is importing this same file")
                return (first, second)
            }
            let ended = (try await first.waitForExit(), try await second.waitForExit())
            #expect(ended.0.exit == .code(0), "\(ended.0.stderr)")
            #expect(ended.1.exit == .code(0) && ended.1.object?["run"] as? Int == 1, "\(ended.1.stderr)")
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows") == 2)
        }
    }

    @Test func `times name their zone, and settling shows no rate`() {
        let time = Date(timeIntervalSince1970: 0).spoken
        #expect(time.contains(#/^19(69|70)-\d\d-\d\d \d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/#), "\(time)")
        let now = ContinuousClock.now
        let line = ProgressLine("run 1", counting: "rows")
        let sent = line.line(50, 0.5, first: (0, now - .seconds(10)), now: now, hasETA: true, note: "")
        #expect(sent.contains("5.0/s ETA 10 s"))
        let settled = line.line(50, 0.5, first: (0, now - .seconds(10)), now: now, hasETA: false, note: "settled")
        #expect(!settled.contains("/s") && !settled.contains("ETA"), "\(settled)")
    }
}
