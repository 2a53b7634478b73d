import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// Every operation that changes clients, under the faults and the kills of ``ExactlyOnceTests``.
@Suite(.database)
struct ChangeChaosTests {
    /// The ways to lose an answer: a fifth of all calls meets one of them.
    static func faults(on operation: String) -> [FaultRule] {
        [
            FaultRule(.latency, on: "api") { ($0.milliseconds, $0.maximumMilliseconds) = (20, 120) },
            FaultRule(.statusAfter, on: operation, status: 502) { $0.probability = 0.10 },
            FaultRule(.cutAfter, on: operation) { $0.probability = 0.03 },
            FaultRule(.cutBefore, on: operation) { $0.probability = 0.02 },
            FaultRule(.lateCommit, on: operation) { ($0.probability, $0.delay, $0.hold) = (0.02, 3, 6) },
            FaultRule(.throttle, on: operation) { ($0.probability, $0.retryAfter) = (0.05, .seconds) },
        ]
    }

    @Test(.timeLimit(.minutes(10)), arguments: ["update-clients", "activate", "deactivate", "configure-pdp"])
    func `every client is changed once as its row asks, though workers are killed and answers are lost`(
        _ operation: String
    ) async throws {
        let (call, column) = try #require(Self.calls[operation])
        try await WorkerFixture.with(faults: Self.faults(on: call)) { fixture in
            let uids = try await fixture.sandbox.seedClients(Chaos.changes)
            if operation == "activate" { try await deactivate(uids, fixture) }
            let custody = try CustodyFiles(fixture)
            let isPDP = operation == "configure-pdp"
            let header = column.isEmpty ? "uid" : "uid;\(column)"
            let lines = uids.enumerated().map { column.isEmpty ? $1 : "\($1);nouveau \($0)" }
            let file = isPDP ? WorkerFixture.pdpLines(uids) : [header] + lines
            let run = try await fixture.bulk(operation, file, settings: custody.settings)
            let kills = try await fixture.killWorkers(of: run, settings: custody.settings)
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .seconds(240)
            )
            let figures = Figures(
                title: "\(operation): \(Chaos.changes) rows, 4 workers, one killed every \(Chaos.killEvery)"
            )
            try figures.note("workers killed", kills)
            let failed = try await compare(call, run, fixture, figures)
            let clients = try await fixture.sandbox.clients()
            let wrong = zip(clients, lines).count { client, line in
                switch operation {
                case "configure-pdp": !client.hasConfigPdp
                case "update-clients": client.name != String(line.split(separator: ";")[1])
                default: client.isActive != (operation == "activate")
                }
            }
            try figures.expect("clients that are not as asked", wrong, "\(failed), the failed", wrong == failed)
            if isPDP {
                let opened = try await fixture.clientsWhoseKeyOpens(uids, custody)
                try figures.expect(
                    "clients whose one key opens",
                    opened,
                    "\(Chaos.changes - failed), all that are done",
                    opened == Chaos.changes - failed
                )
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `every client signs with the webhook secret that is kept, though workers are killed and answers are lost`()
        async throws
    {
        try await WorkerFixture.with(faults: Self.faults(on: "generateWebhookSecret")) { fixture in
            let custody = try CustodyFiles(fixture)
            let uids = try await fixture.sandbox.seedClients(Chaos.changes)
            let run = try await fixture.bulk("generate-webhook-secrets", ["uid"] + uids)
            let kills = try await fixture.killWorkers(of: run, settings: custody.settings)
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .seconds(240)
            )
            let figures = Figures(
                title: "generate-webhook-secrets: \(Chaos.changes) rows, 4 workers, one killed every \(Chaos.killEvery)"
            )
            try figures.note("workers killed", kills)
            let effects = try await fixture.sandbox.ledger().effects.count
            try figures.note("secrets made (those that were lost were made again)", effects)
            let rows: SQL = "SELECT count(*) FROM factpulse.bulk_rows WHERE run_id = \(run) AND state"
            let done = try await fixture.number("\(rows) = 'done'") ?? 0
            // Chance alone loses one row in 250 three times over.
            let failed = try await fixture.number("\(rows) = 'failed' AND attempt = 3") ?? 0
            try figures.expect(
                "rows done, and rows that failed as their secret was lost three times",
                "\(done) + \(failed)",
                "\(Chaos.changes), at most 1 + 1 % failed",
                done + failed == Chaos.changes && failed <= 1 + Chaos.changes / 100
            )
            let kept = try await fixture.clientsWhoseWebhookSecretIsKept(uids, custody)
            try figures.expect(
                "clients that sign with the secret that is kept",
                kept,
                "\(done), all that are done",
                kept == done
            )
        }
    }

    private static let calls = [
        "update-clients": ("updateClient", "nom"), "activate": ("activateClient", ""),
        "deactivate": ("deactivateClient", ""), "configure-pdp": ("updatePDPConfig", ""),
    ]

    /// Without faults.
    private func deactivate(_ uids: [String], _ fixture: WorkerFixture) async throws {
        let run = try await fixture.bulk("deactivate", ["uid"] + uids)
        #expect(try await fixture.worker("--drain").waitForExit(within: .seconds(240)).exit == .code(0))
        #expect(
            try await fixture.number(
                "SELECT count(*) FROM factpulse.bulk_rows WHERE run_id = \(run) AND state = 'done'"
            ) == uids.count
        )
    }

    /// - Returns: How many rows failed because chance lost their call three times.
    private func compare(_ call: String, _ run: Int64, _ fixture: WorkerFixture, _ figures: Figures) async throws -> Int
    {
        let rows = try await fixture.database.query(
            "SELECT state, uid::text, adopted, attempt FROM factpulse.bulk_rows WHERE run_id = \(run)"
        ).map { try $0.decode((String.self, String.self, Bool.self, Int.self)) }
        let ledger = try await fixture.sandbox.ledger()
        let effects = Dictionary(grouping: ledger.effects.filter { $0.operation.rawValue == call }, by: \.uid)
        try figures.note("calls that arrived", ledger.byOperation[call]?.count ?? 0)
        try figures.note("recovered (answer lost, change found)", rows.count { $0.2 })
        let done = rows.count { $0.0 == "done" }
        let failed = rows.count { $0.0 == "failed" && $0.3 == 3 }
        try figures.expect(
            "rows done, and rows that failed as their call was lost three times",
            "\(done) + \(failed)",
            "\(Chaos.changes), at most 1 + 1 % failed",
            done + failed == Chaos.changes && failed <= 1 + Chaos.changes / 100
        )
        let repeated = effects.count { $0.value.count > 1 }
        try figures.expect("clients changed twice", repeated, "0", repeated == 0)
        let lost = rows.count { $0.0 == "done" && effects[$0.1] == nil }
        try figures.expect("lost (done, but not in the ledger)", lost, "0", lost == 0)
        return failed
    }
}

extension WorkerFixture {
    /// Kills one of four workers again and again, and starts another, for as long as rows wait to be sent.
    func killWorkers(of run: Int64, settings: [String: String] = [:]) async throws -> Int {
        var workers = try (0..<4).map { _ in try worker("--concurrency", "4", settings: settings) }
        var kills = 0
        while try await number(
            "SELECT count(*) FROM factpulse.bulk_rows WHERE run_id = \(run) AND state IN ('staged', 'ready', 'sending')"
        ) != 0 {
            try await Task.sleep(for: Chaos.killEvery)
            try await workers[kills % 4].die()
            workers[kills % 4] = try worker("--concurrency", "4", settings: settings)
            kills += 1
        }
        return kills
    }
}
