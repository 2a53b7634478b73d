import FactPulse
import Foundation
import JobQueue
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(3)))
struct SyncPDPTests {
    @Test func `only clients with a configuration that changed or grew old are asked about`() async throws {
        try await BulkFixture.with { bulk in
            let uids = try await bulk.seedConfigured(40, every: 4)
            #expect(try await bulk.syncPDP() == bulk.report(sync: 1, clients: 40, configured: 10, due: 10, written: 30))
            #expect(await bulk.statusCalls() == [10, 10])
            #expect(try await bulk.count("factpulse.pdp_status WHERE state = 'configured' AND _source = 'api'") == 10)
            #expect(
                try await bulk.count("factpulse.pdp_status WHERE state = 'not_configured' AND _source = 'list'") == 30
            )
            #expect(try await bulk.count("factpulse.pdp_status_history WHERE valid_to IS NULL") == 40)

            #expect(try await bulk.syncPDP() == bulk.report(sync: 2, clients: 40, configured: 10, due: 0, written: 0))
            // One is renamed, one grows old, one loses its configuration, one gets its first.
            try await bulk.server.world.edit(uids[3], .object(["name": .string("Autre")]))
            try await bulk.database.execute(
                "UPDATE factpulse.pdp_status SET _checked_at = now() - interval '23 hours 30 minutes' WHERE uid = \(uids[7])"
            )
            try await bulk.server.world.edit(uids[11], .object(["pdp": .null]))
            try await bulk.server.world.configurePDP([uids[0]])
            try await bulk.syncClients()
            #expect(try await bulk.syncPDP() == bulk.report(sync: 3, clients: 40, configured: 10, due: 3, written: 1))
            #expect(await bulk.statusCalls() == [13, 13])
            #expect(try await bulk.count("factpulse.pdp_status_history") == 42)
            #expect(try await bulk.count("factpulse.pdp_due") == 0)
            #expect(try await bulk.syncPDP(all: true).due == 10)
        }
    }

    @Test func `what the server says is what the table has, and each change is a version`() async throws {
        try await BulkFixture.with { bulk in
            let uid = try await bulk.seedConfigured(1, every: 1)[0]
            try await bulk.syncPDP()
            try await bulk.server.world.edit(
                uid,
                .object([
                    "webhook": .object(["createdAt": .string("2026-01-02T03:04:05Z")]),
                    "pdp": .object([
                        "isActive": .bool(false), "secretStatus": .string("missing"), "lastTestSuccess": .bool(false),
                        "lastTestError": .string("401 from the PDP\u{0}"),
                        "lastTestAt": .string("2026-01-02T03:04:06Z"),
                    ]),
                ])
            )
            try await bulk.syncPDP(all: true)
            let row = try await bulk.database.query(
                """
                SELECT is_active, secret_status, last_test_success, last_test_error, last_test_at::text, has_webhook_secret,
                       webhook_secret_created_at = '2026-01-02T03:04:05Z'
                  FROM factpulse.pdp_status
                """
            )[0].decode((Bool.self, String.self, Bool.self, String.self, String.self, Bool.self, Bool.self))
            #expect(row.0 == false && row.1 == "missing" && row.2 == false && row.3 == "401 from the PDP\u{FFFD}")
            #expect(row.4.hasPrefix("2026-01-02") && row.5 && row.6)
            let history: SQL = "factpulse.pdp_status_history"
            #expect(try await bulk.count(history) == 2)
            // A later test with the same outcome is no news.
            try await bulk.server.world.edit(
                uid,
                .object(["pdp": .object(["lastTestAt": .string("2026-02-02T03:04:06Z")])])
            )
            try await bulk.syncPDP(all: true)
            #expect(try await bulk.count(history) == 2)
            #expect(try await bulk.holds("(SELECT last_test_at > '2026-02-01' FROM factpulse.pdp_status)"))
        }
    }

    @Test(arguments: [(403, "forbidden"), (404, "not_found"), (409, "refused")])
    func `a refusal is a status`(status: Int, state: String) async throws {
        try await BulkFixture.with { bulk in
            try await bulk.seedConfigured(3, every: 1)
            try await bulk.server.world.setFaults([
                FaultRule(.status, on: "getPDPConfig", status: status) { ($0.from, $0.to) = (2, 2) }
            ])
            try await bulk.syncPDP()
            #expect(try await bulk.count("factpulse.pdp_status WHERE state = \(state) AND _source = 'api'") == 1)
            #expect(try await bulk.count("factpulse.pdp_status WHERE state = 'configured'") == 2)
            #expect(try await bulk.count("queue.jobs WHERE state = 'done' AND kind = 'sync-pdp-slice'") == 1)
        }
    }

    @Test(arguments: [FaultRule.Kind.status, .throttle, .cutInside, .truncate])
    func `an answer that comes to grief is asked for again`(kind: FaultRule.Kind) async throws {
        try await BulkFixture.with { bulk in
            try await bulk.seedConfigured(4, every: 1)
            try await bulk.server.world.setFaults([
                FaultRule(kind, on: "getPDPConfig") {
                    ($0.from, $0.to, $0.retryAfter, $0.retryAfterSeconds) = (2, 2, .seconds, 0)
                }
            ])
            try await bulk.syncPDP()
            #expect(try await bulk.count("factpulse.pdp_status WHERE state = 'configured'") == 4)
            #expect(await bulk.statusCalls() == [5, 4])
        }
    }

    @Test func `clients whose slice gave up are in the next plan`() async throws {
        try await BulkFixture.with { bulk in
            try await bulk.seedConfigured(5, every: 1)
            let job = try await bulk.enqueuePDP()
            try await bulk.database.execute(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$
                """
            )
            try await bulk.database.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON factpulse.pdp_status FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
            try await bulk.drain(dueWithin: .zero)
            #expect(try await bulk.holds("(SELECT state = 'done' FROM queue.jobs WHERE id = \(job))"))
            #expect(try await bulk.count("factpulse.pdp_due") == 5)
            // Its time is over before it has another try.
            try await bulk.database.execute("DROP TRIGGER refuse ON factpulse.pdp_status")
            let slice = try await bulk.database.query("SELECT job_id FROM queue.scheduled")[0].decode(
                at: 0,
                as: Int64.self
            )
            #expect(try await JobStore(bulk.database).cancel(slice) == .done)
            #expect(try await bulk.syncPDP().due == 5)
            #expect(try await bulk.count("factpulse.pdp_status") == 5)
            #expect(try await bulk.count("factpulse.pdp_due") == 0)
        }
    }

    @Test func `a plan says when the rate cannot keep the promise, and leaves alone what another plan reads`()
        async throws
    {
        try await BulkFixture.with { bulk in
            try await bulk.seedConfigured(60, every: 1)
            try await bulk.database.execute(
                "INSERT INTO queue.rate_limits (name, cap, rate) VALUES (\(bulk.account.name), 0.001, 0.001)"
            )
            let plan = PDPPlan(account: 1, name: bulk.account.name, maxAge: .seconds(86_400), isForAll: false)
            let first = try await bulk.database.transaction { try await plan.make(job: 1, in: $0) }
            let second = try await bulk.database.transaction { try await plan.make(job: 2, in: $0) }
            #expect(first.warning?.contains("50.0 hours") == true)
            #expect((first.due, second.due) == (60, 0))
            #expect(try await bulk.count("queue.jobs WHERE kind = 'sync-pdp-slice'") == 3)
            #expect(try await bulk.count("(SELECT FROM factpulse.pdp_due GROUP BY slice HAVING count(*) <= 25) s") == 3)
        }
    }
}

extension BulkFixture {
    /// Clients on the server and in our table, each n-th with a PDP configuration.
    @discardableResult
    fileprivate func seedConfigured(_ count: Int, every step: Int) async throws -> [UUID] {
        let uids = await server.world.seedClients(count)
        try await server.world.configurePDP(stride(from: step - 1, to: count, by: step).map { uids[$0] })
        try await syncClients()
        return uids
    }

    fileprivate func enqueuePDP(all: Bool? = nil) async throws -> Int64 {
        try await JobStore.enqueue(SyncPDP.kind, arguments: all == true ? #"{"all": true}"# : "{}", in: database)
    }

    @discardableResult
    fileprivate func syncPDP(all: Bool? = nil) async throws -> SyncPDP.Report {
        let job = try await enqueuePDP(all: all)
        try await drain()
        let text = try await database.query("SELECT result::text FROM queue.jobs WHERE id = \(job)")[0]
            .decode(at: 0, as: String?.self)
        return try JSONDecoder().decode(SyncPDP.Report.self, from: Data(try #require(text).utf8))
    }

    fileprivate func report(sync: Int64, clients: Int, configured: Int, due: Int, written: Int) -> SyncPDP.Report {
        SyncPDP.Report(sync: sync, clients: clients, configured: configured, due: due, written: written)
    }

    /// Calls for a configuration, and for the status of a webhook secret.
    fileprivate func statusCalls() async -> [Int] {
        let calls = await server.world.report().byOperation
        return [SandboxOperation.getPDPConfig, .getWebhookSecretStatus].map { calls[$0.rawValue]?.count ?? 0 }
    }
}
