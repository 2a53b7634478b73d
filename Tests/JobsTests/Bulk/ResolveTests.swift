import Foundation
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

/// What a person may decide about a row.
@Suite(.database)
struct ResolveTests {
    @Test func `a person's decision about a row is carried out`() async throws {
        try await BulkFixture.with { bulk in
            let uid = await bulk.server.world.seedClients([
                SandboxClient(name: "Alpha"), SandboxClient(name: "Bêta"), SandboxClient(name: "Gamma"),
            ])[0].uuidString.lowercased()
            let run = try await bulk.run(["Alpha;", "Bêta;", "Gamma;", "Delta;"])
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.needsReview] == 3)
            #expect(try await bulk.store.resolve(run: run, line: 2, .client(uid: uid)) == .done(rows: 1))
            #expect(try await bulk.store.resolve(run: run, line: 3, .send) == .done(rows: 1))
            #expect(try await bulk.store.resolve(run: run, line: 4, .skip) == .done(rows: 1))
            try await bulk.drain()
            let rows = try await bulk.rows(run)
            #expect(rows.map(\.state) == [.done, .done, .skipped, .done])
            #expect(rows[0].uid == uid && rows[0].errorCode == "RESOLVED")
            #expect(try await bulk.counts(run).adopted == 1)
            #expect(await bulk.server.world.report().clients == 5)
            let again = try await bulk.store.resolve(run: run, line: 4, .skip)
            #expect(again == .refused(reason: "line 4 is skipped; only a row that needs review can be resolved"))
            #expect(try await bulk.store.resolve(run: run, line: 1, .skip) == .notFound)
        }
    }

    @Test func `a line is that of the file, also below blank lines and cells of several lines`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([SandboxClient(name: "Alpha")])
            let run = try await bulk.run(["\"Long\r\nnom\";", "", "Alpha;"])
            try await bulk.drain()
            let row = try #require(try await bulk.store.row(of: run, line: 5))
            #expect(row.name == "Alpha" && row.row == 2)
            #expect(try await bulk.store.resolve(run: run, line: 5, .skip) == .done(rows: 1))
            #expect(try await bulk.rows(run).map(\.state) == [.rejected, .skipped])
        }
    }

    @Test func `a client that is none of the candidates is taken only if that is said`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients([SandboxClient(name: "Alpha"), SandboxClient(name: "Autre")])
                .map { $0.uuidString.lowercased() }
            let run = try await bulk.run(["Alpha;"])
            try await bulk.drain()
            let refused = try await bulk.store.resolve(run: run, line: 2, .client(uid: uids[1]))
            guard case .refused(let reason) = refused else {
                Issue.record("\(refused)")
                return
            }
            #expect(reason.contains(uids[0]) && reason.contains("--any-client"))
            #expect(try await bulk.rows(run).first?.candidates == [uids[0]])
            let taken = try await bulk.store.resolve(run: run, line: 2, .client(uid: uids[1]), anyClient: true)
            #expect(taken == .done(rows: 1))
            #expect(try await bulk.rows(run).first?.uid == uids[1])
        }
    }

    @Test func `one client is not said to be that of two rows`() async throws {
        try await BulkFixture.with { bulk in
            let uid = await bulk.server.world.seedClients([SandboxClient(name: "Alpha")])[0].uuidString.lowercased()
            let run = try await bulk.run(["Alpha;", "Alpha;"], options: .init(allowSameName: true))
            let other = try await bulk.run(["Autre;"])
            try await bulk.drain()
            #expect(try await bulk.store.resolve(run: run, line: 2, .client(uid: uid)) == .done(rows: 1))
            let again = try await bulk.store.resolve(run: run, line: 3, .client(uid: uid))
            #expect(
                again == .refused(reason: "client \(uid) is that of line 2 of run \(run): take another, or say --skip")
            )
            // Nor what another run has created.
            let created = try #require(try await bulk.rows(other).first?.uid)
            let foreign = try await bulk.store.resolve(run: run, line: 3, .client(uid: created), anyClient: true)
            #expect(
                foreign
                    == .refused(
                        reason: "client \(created) is that of line 2 of run \(other): take another, or say --skip"
                    )
            )
            #expect(try await bulk.counts(run)[.needsReview] == 1)
        }
    }

    @Test func `a row whose call was lost does not get what another run has created`() async throws {
        try await BulkFixture.with(faults: [FaultRule(.cutAfter, on: "createClient") { $0.to = 1 }]) { bulk in
            let run = try await bulk.run(["Alpha;"])
            try await bulk.drain()
            let row = try #require(try await bulk.rows(run).first)
            #expect(row.state == .needsReview && row.candidates.count == 1)
            let other = try await bulk.run(["Autre;"])
            try await bulk.drain()
            try await bulk.pretendDone(run: other, row: 1, uid: row.candidates[0])
            let refused = try await bulk.store.resolve(run: run, line: 2, .client(uid: row.candidates[0]))
            #expect(refused != .done(rows: 1))
        }
    }

    @Test func `of a paused run, a row that was not sent can be left out, and nothing else`() async throws {
        try await BulkFixture.with { bulk in
            let run = try await bulk.run(BulkFixture.lines(2))
            try await bulk.release(run)
            let early = try await bulk.store.resolve(run: run, line: 2, .skip)
            #expect(early == .refused(reason: "line 2 is ready; only a row that needs review can be resolved"))
            try await bulk.database.execute("UPDATE factpulse.bulk_runs SET state = 'paused', reason = 'test'")
            #expect(try await bulk.store.resolve(run: run, line: 2, .send) != .done(rows: 1))
            #expect(try await bulk.store.resolve(run: run, line: 2, .skip) == .done(rows: 1))
            _ = try await bulk.store.retry(run)
            try await bulk.drain()
            #expect(try await bulk.rows(run).map(\.state) == [.skipped, .done])
        }
    }
}
