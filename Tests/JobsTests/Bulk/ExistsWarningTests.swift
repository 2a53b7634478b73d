import Foundation
import Jobs
import Sandbox
import TestSupport
import Testing

/// What is said of clients that existed before.
@Suite(.database)
struct ExistsWarningTests {
    @Test func `a client that differs from its row is said to, and how`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([
                SandboxClient(name: "Dupont SA", siret: SandboxWorld.siret(1)),
                SandboxClient(name: "société  2", siret: SandboxWorld.siret(2), isActive: false),
                SandboxClient(name: "Société 3", siret: SandboxWorld.siret(3)),
                SandboxClient(name: "Société 3 bis", siret: SandboxWorld.siret(3), isActive: false),
                SandboxClient(name: "Société 4", siret: SandboxWorld.siret(4)),
            ])
            let run = try await bulk.run(BulkFixture.lines(5))
            try await bulk.drain()
            let rows = try await bulk.rows(run)
            #expect(rows.map(\.state) == [.exists, .exists, .exists, .exists, .done])
            #expect(rows.map(\.errorCode) == ["EXISTS_OTHER_NAME", "EXISTS_INACTIVE", "EXISTS_TWICE", nil, nil])
            #expect(rows[0].error == "FactPulse calls it \"Dupont SA\"")
            #expect(rows[1].error?.contains("bulk activate") == true)
            #expect(rows[2].candidates.count == 2 && rows[2].candidates.first == rows[2].uid)
            let warnings = ["EXISTS_OTHER_NAME": 1, "EXISTS_INACTIVE": 1, "EXISTS_TWICE": 1]
            #expect(try await bulk.counts(run).warnings == warnings)
            // Looked at a second time, nothing is said twice.
            _ = try await bulk.store.retry(run)
            try await bulk.drain()
            #expect(try await bulk.rows(run).map(\.errorCode) == rows.map(\.errorCode))
            #expect(try await bulk.counts(run).warnings == warnings)
        }
    }

    @Test func `several differences of one row are all said`() async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients([
                SandboxClient(name: "A", siret: SandboxWorld.siret(1), isActive: false),
                SandboxClient(name: "B", siret: SandboxWorld.siret(1)),
            ])
            let run = try await bulk.run(BulkFixture.lines(1))
            try await bulk.drain()
            let row = try #require(try await bulk.rows(run).first)
            #expect(row.errorCode == "EXISTS_OTHER_NAME EXISTS_INACTIVE EXISTS_TWICE")
            #expect(row.error?.split(separator: ";").count ?? 0 >= 3)
        }
    }
}
