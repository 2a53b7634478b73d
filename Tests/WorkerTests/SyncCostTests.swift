import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

struct SyncCostTests {
    @Test(.timeLimit(.minutes(5))) func `a second sync of unchanged clients updates no row and writes next to no WAL`()
        async throws
    {
        try await WorkerFixture.withPrivatePostgres(settings: ["FACTPULSE_RATE_LIMIT": "0"]) { fixture, _ in
            try await fixture.sandbox.seedClients(Chaos.syncClients)
            try await fixture.firstSync()
            let (updates, wal) = (try await fixture.updates(), try await fixture.wal())
            let calls = try await fixture.lists()

            let report = try await fixture.synced("clients")
            #expect(report["outcome"] as? String == "complete" && report["clients"] as? Int == Chaos.syncClients)
            let figures = Figures(title: "second sync of \(Chaos.syncClients) unchanged clients")
            let written = try await fixture.wal() - wal
            try figures.expect("bytes of WAL, the worker's own included", written, "at most 50,000", written <= 50_000)
            let least = (Chaos.syncClients + 99) / 100
            let made = try await fixture.lists() - calls
            try figures.expect("calls", made, "\(least)", made == least)
            let changed = try await fixture.updates() - updates
            try figures.expect("rows updated", changed, "0", changed == 0)
        }
    }
}

extension WorkerFixture {
    /// Into empty tables, with what it took.
    fileprivate func firstSync() async throws {
        let start = ContinuousClock.now
        let worker = try await livingWorker()
        let ended = try await command("sync", "clients", "--wait", "--json", within: .seconds(300))
        #expect(ended.object?["appeared"] as? Int == Chaos.syncClients, "\(ended.stderr)")
        let figures = Figures(title: "first sync of \(Chaos.syncClients) clients")
        try figures.note("seconds in all", (ContinuousClock.now - start) / .seconds(1))
        let spent = try await database.query(
            """
            SELECT extract(epoch FROM s.ended_at - s.began_at)::float8, extract(epoch FROM j.ended_at - s.ended_at)::float8
              FROM factpulse.sweeps s JOIN queue.jobs j ON j.id = s.job_id
            """
        )[0].decode((Double.self, Double.self))
        try figures.note("seconds of reading", spent.0)
        try figures.note("rows a second from the stage into the tables", Double(Chaos.syncClients) / spent.1)
        let status = try String(contentsOfFile: "/proc/\(worker.pid)/status", encoding: .utf8)
        try figures.note("kB of memory at most", status.matches(of: /VmHWM:\s+(\d+)/).first.map { String($0.1) } ?? "?")
        worker.signal(SIGTERM)
        #expect(try await worker.waitForExit().exit == .code(0))
    }

    fileprivate func wal() async throws -> Int {
        try #require(try await number("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"))
    }

    /// Rows of the tables of clients that were ever updated or deleted.
    fileprivate func updates() async throws -> Int {
        try await database.execute("SELECT pg_stat_force_next_flush()")
        return try #require(
            try await number(
                """
                SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE relname IN ('clients', 'client_history')
                """
            )
        )
    }

    fileprivate func lists() async throws -> Int {
        try await sandbox.ledger().byOperation["listClients"]?.count ?? 0
    }
}
