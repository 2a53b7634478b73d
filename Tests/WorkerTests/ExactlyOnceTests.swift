import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct ExactlyOnceTests {
    /// The ways to lose an answer: a fifth of all calls meets one of them.
    private static let faults = [
        FaultRule(.latency, on: "api") { ($0.milliseconds, $0.maximumMilliseconds) = (20, 120) },
        FaultRule(.statusAfter, on: "createClient", status: 502) { $0.probability = 0.10 },
        FaultRule(.cutAfter, on: "createClient") { $0.probability = 0.03 },
        FaultRule(.cutBefore, on: "createClient") { $0.probability = 0.02 },
        FaultRule(.lateCommit, on: "createClient") { ($0.probability, $0.delay, $0.hold) = (0.02, 3, 6) },
        FaultRule(.throttle, on: "createClient") { ($0.probability, $0.retryAfter) = (0.05, .seconds) },
    ]

    @Test(.timeLimit(.minutes(10)))
    func `every row becomes one client, though workers are killed and answers are lost`() async throws {
        try await WorkerFixture.with(faults: Self.faults) { fixture in
            let start = ContinuousClock.now
            let run = try await fixture.importClients(Chaos.rows)
            let kills = try await fixture.killWorkers(of: run)
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .seconds(240)
            )
            let figures = Figures(
                title: "exactly once: \(Chaos.rows) rows, 4 workers, one killed every \(Chaos.killEvery)"
            )
            try figures.note("seconds", (ContinuousClock.now - start) / .seconds(1))
            try figures.expect("workers killed", kills, "at least 3", kills >= 3)
            try await compare(run, fixture, figures)
        }
    }

    /// Holds what we say against what the sandbox knows. The names are those of Jepsen's total-queue checker.
    private func compare(_ run: Int64, _ fixture: WorkerFixture, _ figures: Figures) async throws {
        let rows = try await fixture.database.query(
            "SELECT state, siret, uid::text, adopted, attempt FROM factpulse.bulk_rows WHERE run_id = \(run)"
        ).map { try $0.decode((String.self, String.self, String?.self, Bool.self, Int.self)) }
        let ledger = try await fixture.sandbox.ledger()
        let made = Set(ledger.effects.map { [$0.siret, $0.uid] })
        let done = rows.filter { $0.0 == "done" }
        let review = rows.count { $0.0 == "needs_review" }
        let lost = done.count { !made.contains([$0.1, $0.2]) }
        let open = rows.count { ["staged", "ready", "sending", "uncertain"].contains($0.0) }
        let answers = ledger.byOperation["createClient"]

        try figures.note("attempted (POSTs that arrived)", answers?.count ?? 0)
        try figures.note(
            "answers",
            (answers?.statuses ?? [:]).sorted { $0.key < $1.key }.map { "\($0.value)×\($0.key)" }.joined(separator: " ")
        )
        try figures.note("acknowledged (answer read)", done.count { !$0.3 })
        try figures.note("recovered (answer lost, client found)", done.count { $0.3 })
        try figures.note("most calls for one row", rows.map(\.4).max() ?? 0)
        try figures.expect("rows", rows.count, "\(Chaos.rows)", rows.count == Chaos.rows)
        try figures.expect("rows not final", open, "0", open == 0)
        try figures.expect("lost (done, but not in the ledger)", lost, "0", lost == 0)
        try figures.expect(
            "duplicated (SIRETs with two clients)",
            ledger.duplicates.count,
            "0",
            ledger.duplicates.isEmpty
        )
        let unexpected = ledger.clients - done.count - review
        try figures.expect("unexpected (clients without a row)", unexpected, "0", unexpected == 0)
        try figures.expect("needs_review", review, "at most 1 %", review * 100 <= rows.count)
        try figures.expect("done", done.count, "all others", done.count == rows.count - review)
    }
}
