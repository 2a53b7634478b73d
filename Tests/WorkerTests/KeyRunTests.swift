import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// `bulk rotate-keys` as real processes: what the rows, the rotations and the vault say must agree.
@Suite(.database)
struct KeyRunTests {
    private static let rotation = SandboxOperation.rotateEncryptionKey.rawValue

    @Test(
        .timeLimit(.minutes(3)),
        arguments: [
            "after-intent", "rotation-key-committed", "rotation-intent", "rotation-answer", "rotation-answer-written",
            "after-rotation",
        ]
    )
    func `a worker that dies there while it rotates a file's clients leaves each of them rotated once`(_ place: String)
        async throws
    {
        // One answer is lost, so that there is something to settle.
        try await WorkerFixture.with(faults: [FaultRule(.cutAfter, on: Self.rotation) { $0.to = 1 }]) { fixture in
            let clients = try await KeyClients.make(5, fixture)
            let settings = clients.custody.settings
            let run = try await fixture.bulk("rotate-keys", ["uid"] + clients.uids, settings: settings)
            let crash = settings.merging(["FACTPULSE_CRASH_AT": place]) { $1 }
            let victim = try fixture.worker("--concurrency", "2", settings: crash)
            #expect(try await victim.waitForExit().exit == .signal(SIGKILL))
            // Its silence is certain, so nobody needs to wait for it.
            try await fixture.database.execute("UPDATE queue.workers SET beat_at = beat_at - interval '1 minute'")
            let other = try fixture.worker("--drain", settings: settings)
            #expect(try await other.waitForExit(within: .seconds(90)).exit == .code(0))
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .zero
            )
            #expect(try await fixture.resultStates(run) == ["done": 5])
            let attempts = try await fixture.database.query("SELECT state FROM factpulse.rotation_attempts")
            #expect(
                try attempts.map { try $0.decode(at: 0, as: String.self) } == Array(repeating: "succeeded", count: 5)
            )
            #expect(try await clients.right() == 5)
        }
    }

    @Test func `a dry run sends nothing, and the same file again reports its run`() async throws {
        try await WorkerFixture.with { fixture in
            let clients = try await KeyClients.make(2, fixture)
            let settings = clients.custody.settings
            let file = try fixture.programs.write(
                (["uid"] + clients.uids + ["nonsense"]).joined(separator: "\n"),
                to: "rotate.csv"
            )
            let dry = try await fixture.command("bulk", "rotate-keys", file, "--dry-run", "--json", settings: settings)
            #expect(dry.exit == .code(65) && dry.object?["rejected"] as? Int == 1, "\(dry.stdout) \(dry.stderr)")
            #expect(try await fixture.sandbox.ledger().byOperation[Self.rotation] == nil)
            let bulk = ["bulk", "rotate-keys", file, "--skip-invalid", "--json"]
            let first = try await fixture.run(bulk, settings)
            let run = try #require(first.object?["run"] as? Int, "\(first.stderr)")
            let worker = try fixture.worker("--drain", settings: settings)
            #expect(try await worker.waitForExit().exit == .code(0))
            let again = try await fixture.run(bulk, settings)
            #expect(again.object?["run"] as? Int == run && again.object?["done"] as? Int == 2, "\(again.stdout)")
            #expect(try await fixture.resultStates(Int64(run)) == ["done": 2, "rejected": 1])
            #expect(try await fixture.sandbox.ledger().byOperation[Self.rotation]?.count == 2)
        }
    }
}

extension WorkerFixture {
    func run(_ arguments: [String], _ settings: [String: String]) async throws -> RunningProgram.Ended {
        try await programs.run(
            "factpulse-worker",
            arguments,
            environment: self.settings.merging(settings) { $1 },
            within: .seconds(60)
        )
    }

    /// How many rows of a run's result file are in each state.
    func resultStates(_ run: Int64) async throws -> [String: Int] {
        let ended = try await command("bulk-runs", "rows", "\(run)", "--format", "csv", within: .seconds(120))
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        let delimiter: Character = ended.stdout.prefix { !$0.isNewline }.contains(";") ? ";" : ","
        let lines = ended.stdout.split(whereSeparator: \.isNewline).map {
            $0.split(separator: delimiter, omittingEmptySubsequences: false)
        }
        let column = try #require(lines.first?.firstIndex { $0.hasSuffix("_status") })
        return lines.dropFirst().reduce(into: [:]) { $0[String($1[column]), default: 0] += 1 }
    }
}
