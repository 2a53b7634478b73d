import Foundation
import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

/// How a row finds the client that it is about.
@Suite(.database, .timeLimit(.minutes(2)))
struct ClientMatchTests {
    @Test func `a SIRET of several clients is refused with the candidates, and a person's choice is carried out`()
        async throws
    {
        try await BulkFixture.with { bulk in
            let siret = SandboxWorld.siret(7)
            let twins = await bulk.seed(
                SandboxClient(name: "Un", siret: siret),
                SandboxClient(name: "Deux", siret: siret)
            )
            let run = try await bulk.run([siret], header: "siret", of: .deactivate)
            try await bulk.drain()
            let row = try await bulk.row(run)
            #expect(row.state == .needsReview && row.errorCode == "AMBIGUOUS_SIRET")
            #expect(row.candidates == twins)
            #expect(await bulk.requests(.deactivateClient) == 0)
            #expect(try await bulk.store.resolve(run: run, line: 2, .client(uid: twins[1])) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .done)
            #expect(await bulk.effects(.deactivateClient) == [twins[1]: 1])
            #expect(try await bulk.store.run(run)?.state == .finished)
        }
    }

    @Test func `unknown clients fail, each with its reason, and the others are changed`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(4)
            let stranger = UUID().uuidString.lowercased()
            let run = try await bulk.run(
                [
                    ";\(SandboxWorld.siret(1))", ";\(SandboxWorld.siret(40))", "\(stranger);",
                    "\(uids[1]);\(SandboxWorld.siret(3))", "\(uids[3]);\(SandboxWorld.siret(4))",
                ],
                header: "uid;siret",
                of: .deactivate
            )
            try await bulk.drain()
            let rows = try await bulk.rows(run)
            #expect(rows.map(\.state) == [.done, .failed, .failed, .failed, .done])
            #expect(
                rows.map(\.errorCode) == [nil, "CLIENT_NOT_FOUND", "CLIENT_NOT_FOUND", "UID_AND_SIRET_DISAGREE", nil]
            )
            #expect(await bulk.effects(.deactivateClient) == [uids[0]: 1, uids[3]: 1])
        }
    }

    @Test func `two rows about one client are one, whichever way they name it`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(2)
            let run = try await bulk.run(
                ["\(uids[0]);", ";\(SandboxWorld.siret(1))", ";\(SandboxWorld.siret(2))"],
                header: "uid;siret",
                of: .deactivate
            )
            try await bulk.drain()
            let rows = try await bulk.rows(run)
            #expect(rows.map(\.state) == [.done, .duplicate, .done])
            #expect(rows[1].errorCode == "SAME_CLIENT" && rows[1].error?.contains("line 2") == true)
        }
    }

    @Test func `the result file of one run names the clients of the next`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(2)
            let run = try await bulk.run(
                ["Un;1;done;\(uids[0]);;", "Deux;2;done;\(uids[1]);;"],
                header: "nom;_line;_status;_uid;_error_code;_error",
                of: .deactivate
            )
            try await bulk.drain()
            #expect(try await bulk.rows(run).compactMap(\.uid) == uids)
            #expect(try await bulk.counts(run)[.done] == 2)
        }
    }

    @Test func `the same file is one run an operation`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(2)
            let run = try await bulk.run(uids, header: "uid", of: .deactivate)
            #expect(try await bulk.stage(uids, header: "uid", of: .deactivate) == .known(run: run))
            try await bulk.drain()
            let back = try await bulk.run(uids, header: "uid", of: .activate)
            try await bulk.drain()
            #expect(try await bulk.counts(back)[.done] == 2)
            #expect(await bulk.server.world.clients().allSatisfy(\.isActive))
        }
    }

    @Test func `a cancelled run changes no further client, and what is under way is followed to its end`() async throws
    {
        let fault = FaultRule(.cutBefore, on: "deactivateClient") { $0.to = 1 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let uid = await bulk.seed(1)[0]
            let run = try await bulk.run([uid], header: "uid", of: .deactivate)
            async let worker: Void = bulk.drain()
            try await bulk.until("EXISTS (SELECT FROM factpulse.bulk_rows WHERE state = 'uncertain')")
            #expect(try await bulk.store.cancel(run) == .done(rows: 0))
            try await worker
            #expect(try await bulk.row(run).state == .skipped)
            #expect(await bulk.effects(.deactivateClient) == [:])
        }
    }

    @Test func `a call left without an answer by a vanished worker is settled, not sent again`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(1)
            let run = try await bulk.run(uids, header: "uid", of: .deactivate)
            try await bulk.release(run)
            // As if a worker had died right after the server carried out the call.
            await bulk.server.world.seedClients([SandboxClient(name: "Autre")])
            try await bulk.database.execute(
                """
                UPDATE factpulse.bulk_rows SET state = 'sending', sent_at = now(), settle_until = now() + interval '1 second',
                       attempt = 1, job_id = 0, token = 0, baseline = now() - interval '1 day' WHERE run_id = \(run)
                """
            )
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .needsReview, "it is active, and has changed since the baseline")
            #expect(await bulk.requests(.deactivateClient) == 0)
        }
    }
}
