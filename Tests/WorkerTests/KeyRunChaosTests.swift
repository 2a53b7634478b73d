import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The same clients are configured in double mode, rotated, deactivated and activated, one run after the other.
@Suite(.database)
struct KeyRunChaosTests {
    private static let runs: [(operation: String, call: SandboxOperation)] = [
        ("configure-pdp", .updatePDPConfig), ("rotate-keys", .rotateEncryptionKey), ("deactivate", .deactivateClient),
        ("activate", .activateClient),
    ]

    @Test(.timeLimit(.minutes(20)))
    func `four runs over the same clients do just what they say, though workers are killed and answers are lost`()
        async throws
    {
        let faults = Self.runs.map { ChangeChaosTests.faults(on: $0.call.rawValue) }
        try await WorkerFixture.with(faults: faults[0] + faults.dropFirst().flatMap { $0.dropFirst() }) { fixture in
            let count = Chaos.changes
            let clients = KeyClients(
                fixture: fixture,
                custody: try CustodyFiles(fixture),
                uids: try await fixture.sandbox.seedClients(count)
            )
            let figures = Figures(
                title: "keys: four runs over \(count) clients, 4 workers, one killed every \(Chaos.killEvery)"
            )
            let settings = clients.custody.settings
            var workers = try (0..<4).map { _ in try fixture.worker("--concurrency", "4", settings: settings) }
            var kills = 0
            for (operation, call) in Self.runs {
                try await run(operation, clients) {
                    try await workers[kills % 4].die()
                    workers[kills % 4] = try fixture.worker("--concurrency", "4", settings: settings)
                    kills += 1
                }
                let effects = Dictionary(
                    grouping: try await fixture.sandbox.ledger().effects.filter { $0.operation == call },
                    by: \.uid
                )
                try figures.expect("\(operation): clients", effects.count, "\(count)", effects.count == count)
                // A rotation whose answer was lost is proven by another one.
                let repeated = call == .rotateEncryptionKey ? 0 : effects.count { $0.value.count > 1 }
                try figures.expect("\(operation): clients changed twice", repeated, "0", repeated == 0)
                let right = try await clients.right()
                try figures.expect("\(operation): clients whose one key opens", right, "\(count)", right == count)
            }
            try figures.note("workers killed", kills)
            let strays = try await clients.strays()
            try figures.note("effects on keys", strays.effects)
            try figures.expect("effects whose key the vault does not open", strays.unknown, "0", strays.unknown == 0)
            try figures.expect("effects before their key was stored", strays.early, "0", strays.early == 0)
            let states = try await fixture.sandbox.clients()
            #expect(states.allSatisfy { $0.isActive })
            let verified = try await fixture.command("keys", "verify-escrow", settings: clients.custody.settings)
            #expect(verified.exit == .code(0), "\(verified.stdout)")
        }
    }

    /// - Parameter kill: Kills a worker; asked for again and again, for as long as rows wait to be sent.
    private func run(_ operation: String, _ clients: KeyClients, kill: () async throws -> Void) async throws {
        let (fixture, settings) = (clients.fixture, clients.custody.settings)
        let file = operation == "configure-pdp" ? WorkerFixture.pdpLines(clients.uids) : ["uid"] + clients.uids
        let run = try await fixture.bulk(operation, file, settings: settings)
        let open: SQL = """
            SELECT count(*) FROM factpulse.bulk_rows WHERE run_id = \(run) AND state IN ('staged', 'ready', 'sending')
            """
        for _ in 1...3 {
            while try await fixture.number(open) != 0 {
                try await Task.sleep(for: Chaos.killEvery)
                try await kill()
            }
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .seconds(240)
            )
            // Chance may lose one row's call three times over, and kills are calls that were lost.
            let states = try await fixture.resultStates(run)
            if states["failed", default: 0] == 0 { return #expect(states == ["done": clients.uids.count]) }
            #expect(try await fixture.command("bulk-runs", "retry", "\(run)").exit == .code(0))
        }
        Issue.record("rows of \(operation) fail again and again: \(try await fixture.resultStates(run))")
    }

    @Test(.timeLimit(.minutes(20))) func `four workers use the shared rate for each of the four runs`() async throws {
        let rate = 50.0
        let limit = FaultRule(.rateLimit, on: "api") { ($0.perSecond, $0.burst) = (rate, Int(rate)) }
        let limits = ["FACTPULSE_RATE_LIMIT": "\(rate)", "FACTPULSE_REQUEST_TIMEOUT": "60"]
        try await WorkerFixture.with(faults: [limit], settings: limits) { fixture in
            let clients = KeyClients(
                fixture: fixture,
                custody: try CustodyFiles(fixture),
                uids: try await fixture.sandbox.seedClients(Chaos.keyRateClients)
            )
            let settings = clients.custody.settings
            for _ in 0..<4 { _ = try await fixture.livingWorker(settings: settings) }
            let figures = Figures(
                title: "rate: 4 workers, \(Int(rate)) requests/s, \(Chaos.keyRateClients) clients, runs with keys"
            )
            for (operation, call) in Self.runs {
                let file = operation == "configure-pdp" ? WorkerFixture.pdpLines(clients.uids) : ["uid"] + clients.uids
                let run = try await fixture.bulk(operation, file, settings: settings)
                try await fixture.until(
                    "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                    within: .seconds(300)
                )
                let (requests, seconds) = try await self.used(call, fixture)
                let used = Double(requests) / seconds / rate
                // What is left of a slice from before the first effect counts too, and much in a short run.
                let most = 1.01 + 0.25 / seconds
                try figures.expect(
                    "\(operation): mean rate / limit",
                    used,
                    "0.95 to 1.01",
                    (Chaos.leastUsed...most).contains(used)
                )
            }
            let right = try await clients.right()
            #expect(right == Chaos.keyRateClients)
        }
    }

    /// Requests, of whatever kind, from the first effect of an operation to its last, and the seconds between.
    private func used(_ call: SandboxOperation, _ fixture: WorkerFixture) async throws -> (Int, Double) {
        let effects = try await fixture.sandbox.ledger().effects.filter { $0.operation == call }.map {
            try Self.date($0.at)
        }
        let (first, last) = (try #require(effects.min()), try #require(effects.max()))
        let times = try await fixture.sandbox.requests().map { try Self.date($0.at) }
        return (times.count { $0 >= first && $0 < last }, last.timeIntervalSince(first))
    }

    private static func date(_ text: String) throws -> Date {
        try Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
