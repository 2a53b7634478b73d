import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(2)))
struct TombstoneTests {
    @Test func `a client is marked as deleted after two complete sweeps and a 404, and revived when it comes back`()
        async throws
    {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(120)
            try await bulk.syncClients()
            await bulk.server.world.removeClient(uids[3])
            let once = try await bulk.syncClients()
            #expect((once.missing, once.deleted) == (1, 0))
            #expect(try await bulk.count("factpulse.clients WHERE _deleted_at IS NOT NULL") == 0)
            let twice = try await bulk.syncClients()
            #expect((twice.missing, twice.deleted) == (0, 1))
            try await bulk.expectEqualToServer()
            #expect(try await bulk.count("factpulse.client_history WHERE uid = \(uids[3]) AND valid_to IS NULL") == 0)

            await bulk.server.world.seedClients([SandboxClient(uid: uids[3].uuidString, name: "De retour")])
            #expect(try await bulk.syncClients().revived == 1)
            try await bulk.expectEqualToServer()
            let versions = try await bulk.database.query(
                "SELECT name, change_type FROM factpulse.client_history WHERE uid = \(uids[3]) ORDER BY valid_from"
            ).map { try $0.decode((String.self, String.self)) }
            #expect(versions.map(\.0) == ["Client 4", "De retour"])
            #expect(versions.map(\.1) == ["appeared", "revived"])
        }
    }

    @Test(arguments: [401, 403, 500]) func `no answer but 404 says that a client is gone`(status: Int) async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(20)
            try await bulk.syncClients()
            await bulk.server.world.removeClient(uids[3])
            try await bulk.syncClients()
            // The first token is the account's, the second the client's.
            try await bulk.server.world.setFaults([
                FaultRule(.status, on: "token", status: status) { ($0.from, $0.to) = (2, 2) }
            ])
            let report = try await bulk.syncClients()
            #expect((report.missing, report.deleted) == (status == 500 ? (0, 1) : (1, 0)))
            let stones = try await bulk.count("factpulse.clients WHERE _deleted_at IS NOT NULL")
            #expect(stones == (status == 500 ? 1 : 0))
        }
    }

    @Test func `a client that the list leaves out and GET knows is not gone`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(20)
            try await bulk.syncClients()
            // As if it had been missing in the sweep before; it is seen again after this one.
            await bulk.server.world.removeClient(uids[3])
            try await bulk.syncClients()
            // The second token is the client's.
            let slow = FaultRule(.latency, on: "token") { ($0.from, $0.milliseconds) = (2, 2_000) }
            try await bulk.server.world.setFaults([slow])
            async let report = bulk.syncClients()
            try await bulk.until("EXISTS (SELECT FROM factpulse.sweeps WHERE id = 3 AND applied_at IS NOT NULL)")
            await bulk.server.world.seedClients([SandboxClient(uid: uids[3].uuidString, name: "Client 4")])
            let (missing, deleted) = try await (report.missing, report.deleted)
            #expect((missing, deleted) == (1, 0))
            #expect(try await bulk.count("factpulse.clients WHERE _missing_since IS NOT NULL") == 0)
            #expect(try await bulk.falseTombstones() == 0)
        }
    }

    @Test func `many that are gone at once are marked only when a person says so`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.server.world.seedClients(100)
            try await bulk.syncClients()
            for uid in uids[0..<11] { await bulk.server.world.removeClient(uid) }
            try await bulk.syncClients()
            let held = try await bulk.syncClients()
            #expect((held.deleted, held.tooMany, held.missing) == (0, 11, 11))
            let told = try await bulk.syncClients(allowMassDelete: true)
            #expect((told.deleted, told.tooMany, told.missing) == (11, 0, 0))
            try await bulk.expectEqualToServer()
        }
    }
}
