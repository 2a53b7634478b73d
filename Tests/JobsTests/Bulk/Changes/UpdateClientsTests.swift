import Jobs
import Sandbox
import TestSupport
import Testing

@Suite(.database, .timeLimit(.minutes(2)))
struct UpdateClientsTests {
    private static let old = SandboxClient(
        name: "Ancien nom",
        siret: SandboxWorld.siret(1),
        description: "ancienne description"
    )

    @Test func `an absent column and an empty cell keep a value, a value replaces it, and <null> clears it`()
        async throws
    {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(Self.old, Self.old, Self.old, Self.old)
            let run = try await bulk.run(
                ["\(uids[0]);Nouveau;", "\(uids[1]);;<null>", "\(uids[2]);; deux mots ", "\(uids[3]);;"],
                header: "uid;nom;description",
                of: .updateClients
            )
            try await bulk.drain()
            #expect(try await bulk.rows(run).map(\.state) == [.done, .done, .done, .exists])
            let clients = await bulk.server.world.clients()
            #expect(clients.map(\.name) == ["Nouveau", "Ancien nom", "Ancien nom", "Ancien nom"])
            #expect(clients.map(\.description) == ["ancienne description", nil, "deux mots", "ancienne description"])
            #expect(clients.allSatisfy { $0.siret == Self.old.siret }, "the file has no column for it")
            #expect(await bulk.requests(.updateClient) == 3, "nothing is sent for a row that asks for nothing")
        }
    }

    @Test func `beside a uid the SIRET is the new one, alone it finds the client`() async throws {
        try await BulkFixture.with { bulk in
            let uids = await bulk.seed(3)
            let run = try await bulk.run(
                [
                    "\(uids[0]);\(SandboxWorld.siret(9));A", ";\(SandboxWorld.siret(2));B",
                    "\(uids[2]);<null>;C",
                ],
                header: "uid;siret;nom",
                of: .updateClients
            )
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 3)
            let clients = await bulk.server.world.clients()
            #expect(clients.map(\.name) == ["A", "B", "C"])
            #expect(clients.map(\.siret) == [SandboxWorld.siret(9), SandboxWorld.siret(2), nil])
            #expect(try await bulk.rows(run).compactMap(\.uid) == uids)
        }
    }

    @Test func `a yes that does not show what was asked for is no success`() async throws {
        var options = SandboxOptions()
        options.nullInPatch = .ignored
        try await BulkFixture.with(options: options) { bulk in
            let uid = await bulk.seed(Self.old)[0]
            let run = try await bulk.run(["\(uid);<null>"], header: "uid;description", of: .updateClients)
            try await bulk.drain()
            let row = try await bulk.row(run)
            #expect(row.state == .failed && row.errorCode == "NOT_APPLIED")
            #expect(row.error?.contains("description") == true)
        }
    }

    @Test(arguments: [FaultRule.Kind.statusAfter, .cutAfter, .truncate, .notJSON])
    func `an answer lost after the change is adopted, not repeated`(kind: FaultRule.Kind) async throws {
        let fault = FaultRule(kind, on: "updateClient") { $0.to = 3 }
        try await BulkFixture.with(faults: [fault]) { bulk in
            let uids = await bulk.seed(6)
            let run = try await bulk.run(uids.map { "\($0);Nouveau" }, header: "uid;nom", of: .updateClients)
            try await bulk.drain()
            #expect(try await bulk.counts(run)[.done] == 6)
            #expect(try await bulk.rows(run).count { $0.adopted } == 3)
            #expect(await bulk.effects(.updateClient) == Dictionary(uniqueKeysWithValues: uids.map { ($0, 1) }))
        }
    }

    @Test func `what somebody wrote after a lost answer is not overwritten`() async throws {
        let faults = [
            FaultRule(.cutAfter, on: "updateClient") { $0.to = 1 },
            FaultRule(.change, on: "getClient") { ($0.renames, $0.pick, $0.to) = (1, .first, 1) },
        ]
        try await BulkFixture.with(faults: faults) { bulk in
            let uid = await bulk.seed(Self.old)[0]
            let run = try await bulk.run(["\(uid);Nouveau"], header: "uid;nom", of: .updateClients)
            try await bulk.drain()
            #expect(try await bulk.row(run).state == .needsReview)
            #expect(try await bulk.row(run).errorCode == "CHANGED_SINCE")
            #expect(try await bulk.client(uid)?.name.hasPrefix("Renamed") == true)
            #expect(try await bulk.store.resolve(run: run, line: 2, .send) == .done(rows: 1))
            try await bulk.drain()
            #expect(try await bulk.client(uid)?.name == "Nouveau", "a person said so")
            #expect(try await bulk.store.run(run)?.state == .finished)
        }
    }
}
