import Jobs
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database, .timeLimit(.minutes(2)))
struct SetActiveTests {
    private static let operations = [BulkOperation.activate, .deactivate]

    @Test(arguments: operations)
    func `clients get the state that the operation says, and those that have it get no call`(_ operation: BulkOperation)
        async throws
    {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(20, active: operation == .deactivate)
            let so = await bulk.seed(SandboxClient(name: "So already", isActive: operation == .activate))
            let run = try await bulk.run(uids + so, header: "uid", of: operation)
            try await bulk.drain()
            let counts = try await bulk.counts(run)
            #expect(counts[.done] == 20 && counts[.exists] == 1)
            #expect(await bulk.server.world.clients().allSatisfy { $0.isActive == (operation == .activate) })
            #expect(await bulk.effects(operation.call) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) }))
            #expect(try await bulk.store.run(run)?.state == .finished)
        }
    }

    @Test(arguments: operations, [FaultRule.Kind.cutAfter, .statusAfter, .cutBefore, .status])
    func `a lost answer is settled by reading the client, and each client is changed once`(
        _ operation: BulkOperation,
        _ kind: FaultRule.Kind
    ) async throws {
        let fault = FaultRule(kind, on: operation.call.rawValue) { $0.to = 2 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let uids = await bulk.seed(4, active: operation == .deactivate)
            let run = try await bulk.run(uids, header: "uid", of: operation)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 4)
            #expect(await bulk.effects(operation.call) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) }))
            let hadEffect = kind == .cutAfter || kind == .statusAfter
            #expect(try await bulk.rows(run).count { $0.adopted } == (hadEffect ? 2 : 0))
        }
    }

    @Test func `an effect that comes after the caller gave up is waited for`() async throws {
        let fault = FaultRule(.lateCommit, on: "deactivateClient") { ($0.to, $0.delay, $0.hold) = (2, 1.7, 3) }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let uids = await bulk.seed(3)
            let run = try await bulk.run(uids, header: "uid", of: .deactivate)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 3)
            #expect(try await bulk.rows(run).count { $0.adopted } == 2, "not sent again")
            #expect(await bulk.effects(.deactivateClient) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) }))
        }
    }

    @Test func `a client that somebody activated after a lost answer is not deactivated again`() async throws {
        let faults = [
            FaultRule(.cutAfter, on: "deactivateClient") { $0.to = 1 },
            FaultRule(.change, on: "getClient") { ($0.toggles, $0.pick, $0.to) = (1, .first, 1) },
        ]
        try await BulkFixture.with(faults: faults) { bulk in
            let uid = await bulk.seed(1)[0]
            let run = try await bulk.run([uid], header: "uid", of: .deactivate)
            try await bulk.drain()
            #expect(try await bulk.row(run).errorCode == "CHANGED_SINCE")
            #expect(try await bulk.client(uid)?.isActive == true)
            #expect(await bulk.effects(.deactivateClient) == [uid: 1])
        }
    }

    @Test func `a refusal of what is so already is no failure`() async throws {
        var options = SandboxOptions()
        options.repeatActivation = .conflict
        // Somebody is faster than the row's call.
        let fault = FaultRule(.change, on: "activateClient") { ($0.toggles, $0.pick) = (1, .first) }
        try await BulkFixture.with(faults: [fault], options: options) { bulk in
            let uid = await bulk.seed(1, active: false)[0]
            let run = try await bulk.run([uid], header: "uid", of: .activate)
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .done)
            #expect(try await bulk.client(uid)?.isActive == true)
        }
    }

    @Test func `a call without effect is not sent for ever, and can be retried`() async throws {
        try await BulkFixture.with(faults: [FaultRule(.status, on: "deactivateClient")]) { bulk in
            let uid = await bulk.seed(1)[0]
            let run = try await bulk.run([uid], header: "uid", of: .deactivate)
            try await bulk.drain()
            #expect(try await bulk.row(run).errorCode == "NEVER_DONE")
            #expect(await bulk.requests(.deactivateClient) == 3)
            try await bulk.server.world.setFaults([])
            #expect(try await bulk.store.retry(run) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .done)
        }
    }

    @Test func `one client that is forbidden fails its row, several in a row pause the run`() async throws {
        let fault = FaultRule(.errorShape, on: "deactivateClient", status: 403)
        try await BulkFixture.with(faults: [fault]) { bulk in
            let uids = await bulk.seed(60)
            let one = try await bulk.run([uids[0]], header: "uid", of: .deactivate)
            try await bulk.drain()
            #expect(try await bulk.row(one).state == .failed)
            #expect(try await bulk.store.run(one)?.state == .finished)
            let all = try await bulk.run(uids, header: "uid", of: .deactivate)
            try await bulk.drain()
            #expect(try await bulk.store.run(all)?.state == .paused)
            #expect(try await bulk.counts(all)[.failed] < 40, "most rows were never sent")
            try await bulk.server.world.setFaults([])
            _ = try await bulk.store.retry(all)
            try await bulk.drain()
            #expect(try await bulk.counts(all)[.done] == 60)
        }
    }
}

extension BulkOperation {
    /// What the sandbox calls it.
    fileprivate var call: SandboxOperation { self == .activate ? .activateClient : .deactivateClient }
}
