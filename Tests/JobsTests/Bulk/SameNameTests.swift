import Foundation
import Jobs
import Sandbox
import TestSupport
import Testing

/// Rows without SIRET, of which a name is all that is known.
@Suite(.database)
struct SameNameTests {
    @Test func `two runs do not both create a client of one name`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(["Dupont et fils;", "Martin;"])
            let second = try await bulk.run(["DUPONT  et fils;", "Durand;"])
            try await bulk.drain()
            let counts = try await [bulk.counts(first), bulk.counts(second)]
            #expect(counts.reduce(0) { $0 + $1[.done] } == 3)
            #expect(counts.reduce(0) { $0 + $1[.needsReview] } == 1)
            #expect(await bulk.server.world.report().clients == 3)
            // Another time, when the first row is done and its client is no news.
            let third = try await bulk.run(["dupont et fils;"])
            try await bulk.drain()
            #expect(try await bulk.rows(third).first?.errorCode == "SAME_NAME_EXISTS")
        }
    }

    @Test func `a name with a SIRET on one side only is never sent blindly`() async throws {
        try await BulkFixture.with { bulk in
            let siret = SandboxWorld.siret(1)
            let first = try await bulk.run(["Dupont et fils;", "Moulin;\(SandboxWorld.siret(2))"])
            try await bulk.drain()
            // The same company again, its SIRET found out meanwhile; and one whose SIRET is missing now.
            let second = try await bulk.run([
                "DUPONT et  fils;\(siret)", "Moulin;", "Dupont frères;\(SandboxWorld.siret(3))",
            ])
            try await bulk.drain()
            let rows = try await bulk.rows(second)
            #expect(rows.map(\.state) == [.needsReview, .needsReview, .done])
            #expect(rows.prefix(2).map(\.errorCode) == ["SAME_NAME_EXISTS", "SAME_NAME_EXISTS"])
            let known = try await bulk.rows(first).compactMap(\.uid)
            #expect(rows.prefix(2).map(\.candidates) == known.map { [$0] })
            #expect(await bulk.server.world.report().clients == 3)
            #expect(try await bulk.store.resolve(run: second, line: 2, .client(uid: known[0])) == .done(rows: 1))
            // From here on the SIRET tells, though the server's list does not have it.
            let third = try await bulk.run(["Dupont;\(siret)"])
            try await bulk.drain()
            #expect(try await bulk.rows(third).map(\.uid) == [known[0]])
            #expect(try await bulk.creates() == 3)
        }
    }

    @Test func `a result file that comes back knows the clients it speaks of`() async throws {
        try await BulkFixture.with { bulk in
            let first = try await bulk.run(["Dupont;", "Martin;", ";73282932000074"])
            try await bulk.drain()
            let uids = try await bulk.rows(first).map { $0.uid ?? "" }
            let second = try await bulk.run(
                [
                    "Dupont;;2;done;\(uids[0].uppercased())", "Martin;81234567600421;3;done; \(uids[1]) ",
                    "Durand;73282932000074;4;rejected;", "Lefort;;5;done;\(UUID().uuidString)", "Moulin;;6;done;lost",
                ],
                header: "nom;siret;_line;_status;_uid"
            )
            try await bulk.drain()
            let rows = try await bulk.rows(second)
            #expect(rows.map(\.state) == [.exists, .exists, .done, .done, .done])
            #expect(rows.prefix(2).map(\.uid) == uids.prefix(2).map(Optional.some))
            #expect(await bulk.server.world.report().clients == 5)
            #expect(rows[1].errorCode == "EXISTS_OTHER_SIRET" && rows[0].errorCode == nil)
            // None of them is left with a uid that is not its own.
            #expect(Set(rows.compactMap(\.uid)) == Set(await bulk.server.world.clients().map(\.uid)))
        }
    }

    @Test func `names that a file may repeat are not stopped by the clients of their own run`() async throws {
        let fault = FaultRule(.errorShape, on: "createClient", status: 422) {
            $0.from = 3
            $0.to = 3
            $0.shape = .B
        }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let options = FileOptions(allowSameName: true)
            let run = try await bulk.run(["Dupont;", "Dupont;", "Dupont;"], options: options)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 2)
            #expect(try await bulk.counts(run)[.failed] == 1)
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 3)
            #expect(await bulk.server.world.report().clients == 3)
        }
    }
}
