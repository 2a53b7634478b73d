import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// The list changes while it is read. Small in `scripts/test`; SYNC_SEEDS and SYNC_CLIENTS make it large.
@Suite(.database, .timeLimit(.minutes(60)))
struct ChurnTests {
    private static let seeds = number("SYNC_SEEDS", 3)
    private static let clients = number("SYNC_CLIENTS", 600)

    private static func number(_ name: String, _ standard: Int) -> Int {
        ProcessInfo.processInfo.environment[name].map { Int($0) ?? -1 } ?? standard
    }

    @Test func `after the list has quieted down the table is the server's, and no living client was buried`()
        async throws
    {
        for seed in 1...Self.seeds {
            try await BulkFixture.with { bulk in
                try await bulk.database.execute(
                    "TRUNCATE factpulse.clients, factpulse.client_history, factpulse.sweeps CASCADE"
                )
                let world = bulk.server.world
                await world.seedClients(Self.clients)
                // At once: as much within a sweep of a second as a slow one meets at 20 changes a second.
                try await world.setFaults(
                    [
                        FaultRule(.churn, on: "listClients") { $0.perSecond = 20 },
                        FaultRule(.change, on: "listClients") {
                            ($0.probability, $0.creates, $0.renames, $0.toggles, $0.removes) = (0.1, 1, 1, 1, 1)
                        },
                    ],
                    seed: UInt64(seed)
                )
                for _ in 0..<3 {
                    try await bulk.syncClients(allowMassDelete: true)
                    #expect(try await bulk.falseTombstones() == 0, "seed \(seed)")
                }
                #expect(await world.report().changes > 0)
                try await world.setFaults([])
                for _ in 0..<3 { try await bulk.syncClients(allowMassDelete: true) }
                try await bulk.expectEqualToServer()
                #expect(try await bulk.falseTombstones() == 0, "seed \(seed)")
                #expect(try await bulk.count("factpulse.clients WHERE _missing_since IS NOT NULL") == 0)
            }
        }
    }
}
