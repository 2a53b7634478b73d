import Foundation
import JobQueue
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// Whatever the API answers, nothing false is written.
@Suite(.database, .timeLimit(.minutes(3)))
struct OddAnswerTests {
    private static let passing = [
        FaultRule(.emptyPage, on: "listClients"), FaultRule(.truncate, on: "listClients"),
        FaultRule(.cutInside, on: "listClients"), FaultRule(.cutBefore, on: "listClients"),
        FaultRule(.notJSON, on: "listClients"), FaultRule(.status, on: "listClients", status: 500),
        FaultRule(.throttle, on: "listClients") { ($0.retryAfter, $0.retryAfterSeconds) = (.seconds, 0) },
        FaultRule(.slowBody, on: "listClients") { $0.milliseconds = 300 },
        FaultRule(.expireTokens, on: "listClients"), FaultRule(.wrongType, on: "listClients"),
    ]

    @Test(arguments: passing) func `a page that comes to grief is read again`(fault: FaultRule) async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(450)
            try await bulk.syncClients()
            try await bulk.server.world.setFaults([
                FaultRule(fault.kind, on: fault.operation, status: fault.status) {
                    $0 = fault
                    ($0.from, $0.to) = (3, 4)
                }
            ])
            await bulk.server.world.seedClients(3)
            let report = try await bulk.syncClients()
            #expect(report == SyncClients.Report(outcome: "complete", clients: 453, appeared: 3))
            try await bulk.expectEqualToServer()
        }
    }

    @Test(arguments: [FaultRule.Kind.emptyPage, .status, .truncate])
    func `a list that cannot be had changes nothing, and its job says why`(kind: FaultRule.Kind) async throws {
        try await BulkFixture.with { bulk in
            await bulk.server.world.seedClients(250)
            try await bulk.syncClients()
            // 403: what waiting cannot cure. The others are asked for again first.
            try await bulk.server.world.setFaults([
                FaultRule(kind, on: "listClients", status: kind == .status ? 403 : 0) { $0.from = 2 }
            ])
            let job = try await bulk.enqueueSync()
            async let worker: Void = bulk.drain(dueWithin: .zero)
            if kind == .status {
                try await worker
                #expect(
                    try await bulk.holds(
                        "(SELECT state = 'failed' AND error LIKE '%403%' FROM queue.jobs WHERE id = \(job))"
                    )
                )
            } else {
                try await bulk.server.world.waitForRequests(bulk.listCalls() + 3, of: .listClients)
                #expect(try await bulk.holds("(SELECT state = 'pending' FROM queue.jobs WHERE id = \(job))"))
                try await bulk.server.world.setFaults([])
                try await worker
            }
            #expect(try await bulk.count("factpulse.clients WHERE _missing_since IS NULL") == 250)
            try await bulk.expectEqualToServer()
        }
    }

    private static let readings: [@Sendable (inout SandboxOptions) -> Void] = [
        { $0.pagePastEnd = .notFound }, { $0.largestPage = 40 }, { $0.dates = .mixed }, { $0.dates = .seconds },
        { $0.addsMembers = true }, { $0.omitsNulls = true }, { $0.listOrder = .newestFirst },
    ]

    @Test(arguments: readings.indices) func `every reading of the contract gives the same table`(reading: Int)
        async throws
    {
        var options = SandboxOptions()
        Self.readings[reading](&options)
        try await BulkFixture.with(options: options) { bulk in
            let uids = await bulk.server.world.seedClients(300)
            #expect(
                try await bulk.syncClients() == SyncClients.Report(outcome: "complete", clients: 300, appeared: 300)
            )
            await bulk.server.world.removeClient(uids[250])
            #expect(try await bulk.syncClients().missing == 1)
            #expect(try await bulk.syncClients().deleted == 1)
            #expect(try await bulk.syncClients() == SyncClients.Report(outcome: "complete", clients: 299))
            try await bulk.expectEqualToServer()
        }
    }

    @Test func `an account without clients is a list like any other`() async throws {
        try await BulkFixture.with { bulk in
            let report = try await bulk.syncClients()
            #expect(report == SyncClients.Report(outcome: "complete", clients: 0))
        }
    }
}
