import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import KeyVault

@Suite(.database)
struct RotationStoreTests {
    private let fixture: VaultFixture
    private let entry = AuditEntry(actor: "worker-1", action: "rotate", outcome: "intent")

    init() throws {
        fixture = try VaultFixture()
    }

    /// A client whose key 1 is active.
    private func vault() async throws -> Vault {
        let vault = try await fixture.open()
        try await fixture.addKey(1, to: vault)
        #expect(try await fixture.database.transaction { try await vault.activate(fixture.name(1), in: $0) })
        return vault
    }

    private func load(_ vault: Vault) async throws -> ClientRotation {
        try #require(try await fixture.database.transaction { try await vault.rotation(of: fixture.client, in: $0) })
    }

    /// As the job does it: the new key and the attempt, then the escrow.
    private func begin(_ vault: Vault, settle: Duration = .seconds(60)) async throws -> ClientRotation {
        var rotation = try await fixture.database.transaction { transaction in
            var rotation = try #require(try await vault.rotation(of: fixture.client, in: transaction))
            let name = fixture.name(rotation.nextVersion)
            try await vault.prepare(&rotation, with: vault.seal(.randomKey(), as: name), in: transaction)
            return rotation
        }
        let key = try #require(rotation.unfinished)
        try await vault.escrow([key])
        rotation.rules.keyReady(key.name.version)
        rotation.rules.begin(settleUntil: .distantFuture)
        try await save(&rotation, vault, settle: settle)
        return rotation
    }

    private func save(_ rotation: inout ClientRotation, _ vault: Vault, settle: Duration? = nil) async throws {
        rotation = try await fixture.database.transaction { [rotation] transaction in
            var rotation = rotation
            try await vault.save(&rotation, settle: settle, audit: entry, in: transaction)
            return rotation
        }
    }

    private func answer(_ answer: RotationAnswer, _ rotation: inout ClientRotation, _ vault: Vault) async throws {
        rotation.rules.answered(answer)
        try await save(&rotation, vault)
    }

    @Test func `a rotation is stored step by step, and what is read back is what was stored`() async throws {
        let vault = try await vault()
        var rotation = try await begin(vault)
        #expect(try await fixture.states() == ["active", "uncertain"])
        #expect(try await load(vault).rules == rotation.rules)
        let settle = try #require(rotation.rules.settleUntil)
        #expect(settle > Date.now && settle < Date.now + 120)

        try await answer(.uncertain(.unanswered), &rotation, vault)
        #expect(try await fixture.states() == ["uncertain", "uncertain"])
        #expect(try await load(vault).rules == rotation.rules)
        #expect(rotation.rules.settleUntil == settle)

        rotation.rules.begin(settleUntil: .distantFuture)
        try await save(&rotation, vault, settle: .seconds(60))
        try await answer(.rotated, &rotation, vault)
        #expect(try await fixture.states() == ["retired", "active"])
        let later = try await load(vault)
        #expect(later.attempt == nil && later.rules.proven == 2 && later.rules.retained == [1])
        let attempts = try await fixture.database.query(
            "SELECT state, ended_at IS NOT NULL FROM factpulse.rotation_attempts"
        )
        #expect(try attempts[0].decode((String.self, Bool.self)) == ("succeeded", true))
        let log = try await AuditLog(fixture.database).verify()
        #expect(log.isWhole && log.entries == 4)
    }

    @Test func `the worker that died is seen by the next one, with the time that its call needs to settle`()
        async throws
    {
        let vault = try await vault()
        _ = try await begin(vault)
        var rotation = try await load(vault)
        #expect(rotation.rules.next(at: .now) == .awaitAnswer)
        try await answer(.uncertain(.unanswered), &rotation, vault)
        guard case .wait = try await load(vault).rules.next(at: .now) else {
            Issue.record("a call that may be on its way is not waited for")
            return
        }
        #expect(try await KeyOverview(fixture.database).unfinishedRotations(limit: 10).isEmpty)
        try await fixture.database.execute("UPDATE factpulse.rotation_attempts SET settle_until = now()")
        #expect(try await KeyOverview(fixture.database).unfinishedRotations(limit: 10) == [fixture.client])
    }

    @Test func `a key that was committed and not escrowed is found, and is not used before it is`() async throws {
        let vault = try await vault()
        _ = try await fixture.database.transaction { transaction in
            var rotation = try #require(try await vault.rotation(of: fixture.client, in: transaction))
            try await vault.prepare(&rotation, with: vault.seal(.randomKey(), as: fixture.name(2)), in: transaction)
        }
        let rotation = try await load(vault)
        #expect(rotation.unfinished?.name == fixture.name(2))
        #expect(rotation.rules.next(at: .now) == .makeKey && rotation.nextVersion == 3)
    }

    @Test func `an attempt that somebody else has ended takes no more writes`() async throws {
        let vault = try await vault()
        var rotation = try await begin(vault)
        try await fixture.database.execute(
            "UPDATE factpulse.rotation_attempts SET state = 'resolved', ended_at = now()"
        )
        let before = try await fixture.states()
        await #expect(throws: Vault.RotationOver.self) { try await answer(.rotated, &rotation, vault) }
        #expect(try await fixture.states() == before)
        #expect(try await AuditLog(fixture.database).verify().entries == 1)
    }

    @Test(arguments: [RotationAnswer.split, .refused, .notApplicable, .notSent, .oldKeyInvalid])
    func `every answer can be stored and read back`(
        answer: RotationAnswer
    ) async throws {
        let vault = try await vault()
        var rotation = try await begin(vault)
        try await self.answer(answer, &rotation, vault)
        let stored = try await load(vault)
        #expect(
            stored.rules.candidates == rotation.rules.candidates && stored.rules.retained == rotation.rules.retained
        )
        #expect(stored.rules.fresh == rotation.rules.fresh && stored.rules.proven == rotation.rules.proven)
        #expect((stored.attempt == nil) == (rotation.rules.end?.needsPerson == false))
        if stored.attempt != nil { #expect(stored.rules == rotation.rules) }
    }

    @Test func `a key that somebody knows stays marked, also after it was tried once more`() async throws {
        let vault = try await vault()
        var rotation = try await begin(vault)
        try await answer(.rotated, &rotation, vault)
        try await fixture.setState("compromised", of: 1)
        // The server says that 2 is not live: 1 is looked at again, and is not live either.
        var search = try await begin(vault)
        try await answer(.oldKeyInvalid, &search, vault)
        #expect(try await fixture.states() == ["uncertain", "retired", "pending"])
        search.rules.begin(settleUntil: .distantFuture)
        try await save(&search, vault, settle: .seconds(60))
        try await answer(.rotated, &search, vault)
        #expect(try await fixture.states() == ["compromised", "retired", "active"])
        #expect(try await load(vault).rules.retained == [1, 2])
    }

    @Test func `a key is due by its age, give or take a tenth, and not while it is being rotated`() async throws {
        let vault = try await vault()
        let clients = (0..<40).map { _ in UUID() }
        for client in clients {
            try await fixture.addKey(1, of: client, to: vault)
            let name = fixture.name(1, of: client)
            #expect(try await fixture.database.transaction { try await vault.activate(name, in: $0) })
        }
        func age(_ days: Int) async throws -> Int {
            try await fixture.database.execute(
                "UPDATE factpulse.secrets SET activated_at = now() - \(days)::int * interval '1 day' WHERE purpose = 'client-key'"
            )
            return try await KeyOverview.due(every: .seconds(90 * 86_400), limit: 1000, in: fixture.database).count
        }
        #expect(try await age(80) == 0)
        #expect((5...36).contains(try await age(90)))
        #expect(try await age(100) == 41)
        let due = try await KeyOverview.due(every: .seconds(90 * 86_400), limit: 1000, in: fixture.database)
        #expect(due.map(\.dueAt) == due.map(\.dueAt).sorted() && due.first != due.last)
        #expect(
            try await KeyOverview.due(every: .seconds(90 * 86_400), limit: 3, in: fixture.database).map(\.client)
                == due.prefix(3).map(\.client)
        )
        _ = try await begin(vault)
        #expect(try await age(100) == 40)
    }

    @Test func `whoever has read an older state of an attempt writes nothing`() async throws {
        let vault = try await vault()
        var slow = try await begin(vault)
        var quick = slow
        try await answer(.uncertain(.unanswered), &quick, vault)
        await #expect(throws: Vault.RotationOver.self) { try await answer(.rotated, &slow, vault) }
        #expect(try await load(vault).rules == quick.rules)
    }

    @Test func `a client whose keys came from the escrow file is rotated once the old calls have settled`() async throws
    {
        let vault = try await vault()
        try await fixture.addKey(2, to: vault)
        let report = try await Vault.restore(
            keys: .file(fixture.kekPath),
            escrowFile: fixture.escrowFile,
            database: fixture.database,
            logger: .quiet,
            settle: .seconds(60),
            actor: "test"
        ).report
        #expect(report.uncertain == 2)
        let rotation = try await load(vault)
        #expect(rotation.rules.candidates == [1, 2] && rotation.rules.proven == nil)
        guard case .wait = rotation.rules.next(at: .now) else {
            Issue.record("calls from before the restore are not waited for")
            return
        }
        #expect(try await KeyOverview(fixture.database).unfinishedRotations(limit: 10).isEmpty)
        try await fixture.database.execute("UPDATE factpulse.secrets SET settle_until = now()")
        #expect(try await KeyOverview(fixture.database).unfinishedRotations(limit: 10) == [fixture.client])
    }
}
