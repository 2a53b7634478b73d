import Foundation
import Postgres
import TestSupport
import Testing

@testable import KeyVault

@Suite(.database)
struct RewrapTests {
    private let fixture: VaultFixture
    private let old = SecretBytes.randomKey()
    private let new = SecretBytes.randomKey()

    init() throws {
        fixture = try VaultFixture()
        try fixture.writeKEKs([old])
    }

    private var oldID: KeyEncryptionKey.ID { get throws { try KeyEncryptionKey(old).id } }
    private var newID: KeyEncryptionKey.ID { get throws { try KeyEncryptionKey(new).id } }

    private func keks() async throws -> [String: Int] {
        let rows = try await fixture.database.query("SELECT kek_id, count(*) FROM factpulse.secrets GROUP BY 1")
        return Dictionary(uniqueKeysWithValues: try rows.map { try $0.decode((String.self, Int.self)) })
    }

    @Test func `everything comes under the new KEK, in batches, and opens to the same bytes`() async throws {
        let vault = try await fixture.open()
        var secrets: [SecretName: SecretBytes] = [:]
        for version in 1...25 { secrets[fixture.name(version)] = try await fixture.addKey(version, to: vault) }
        try fixture.writeKEKs([new, old])
        let report = try await vault.rewrap(actor: "test", batch: 10)
        #expect(report == Vault.RewrapReport(rewrapped: 26, unreadable: [], left: 0))
        #expect(try await keks() == [newID.text: 26])
        // Without the old KEK now: the table and the newest lines of the escrow file are enough.
        try fixture.writeKEKs([new])
        let later = try await fixture.open()
        for stored in try await later.secrets(.clientKey, of: fixture.client, in: fixture.database) {
            #expect(try await later.open(#require(stored.sealed), as: stored.name) == secrets[stored.name])
            #expect(stored.fingerprint == later.fingerprint(of: try #require(secrets[stored.name])))
        }
        #expect(try await fixture.escrowLines().filter { $0.line?.sealed.kek == (try? newID) }.count == 26)
        #expect(try await later.rewrap(actor: "test").rewrapped == 0)
    }

    @Test func `what another transaction holds is left for the next time`() async throws {
        let vault = try await fixture.open()
        for version in 1...3 { try await fixture.addKey(version, to: vault) }
        try fixture.writeKEKs([new, old])
        try await fixture.database.transaction { transaction in
            try await transaction.execute("SELECT FROM factpulse.secrets WHERE version = 2 FOR UPDATE")
            #expect(
                try await vault.rewrap(actor: "test", batch: 1)
                    == Vault.RewrapReport(rewrapped: 3, unreadable: [], left: 1)
            )
        }
        #expect(try await vault.rewrap(actor: "test") == Vault.RewrapReport(rewrapped: 1, unreadable: [], left: 0))
    }

    @Test func `a row that does not open is named, and holds up no other`() async throws {
        let vault = try await fixture.open()
        for version in 1...3 { try await fixture.addKey(version, to: vault) }
        let stored = try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database)
        try await fixture.damage(version: 2, with: try #require(stored[0].sealed))
        try fixture.writeKEKs([new, old])
        let report = try await vault.rewrap(actor: "test", batch: 1)
        #expect(report == Vault.RewrapReport(rewrapped: 3, unreadable: [fixture.name(2)], left: 1))
        #expect(try await keks() == [newID.text: 3, oldID.text: 1])
    }

    @Test func `workers seal and open while the KEK changes under them`() async throws {
        let vault = try await fixture.open()
        for version in 1...20 { try await fixture.addKey(version, to: vault) }
        try fixture.writeKEKs([new, old])
        let rewrapper = try await fixture.open()
        try await withThrowingTaskGroup { group in
            for worker in 0..<4 {
                group.addTask { [fixture] in
                    // Still with the old KEK as its current one; each opens what others have moved meanwhile.
                    for step in 0..<20 {
                        let client = UUID()
                        let key = try await fixture.addKey(1, of: client, to: vault)
                        let stored = try await vault.secrets(.clientKey, of: client, in: fixture.database)
                        #expect(try await vault.open(#require(stored[0].sealed), as: stored[0].name) == key)
                        let shared = try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database)
                        let one = shared[(worker * 5 + step) % 20]
                        _ = try await vault.open(#require(one.sealed), as: one.name)
                    }
                }
            }
            group.addTask { _ = try await rewrapper.rewrap(actor: "test", batch: 5) }
            try await group.waitForAll()
        }
        #expect(try await rewrapper.rewrap(actor: "test").left == 0)
        #expect(try await keks() == [newID.text: 101])
    }

    @Test func `a KEK is not retired while a row or a line of the escrow file needs it`() async throws {
        let vault = try await fixture.open()
        try await fixture.addKey(1, to: vault)
        let oldID = try oldID
        await #expect(throws: VaultError.kekInUse(oldID, reason: "it is the current one")) {
            try await vault.retire(oldID, actor: "test")
        }
        try fixture.writeKEKs([new, old])
        _ = try await vault.rewrap(actor: "test")
        // A line that the table does not know, such as of a commit that a failover forgot.
        let lost = try KeyEncryptionKey(old).seal(
            .randomKey(),
            boundTo: fixture.name(9).boundData(in: vault.deployment)
        )
        let print = vault.fingerprint(of: .randomKey())
        try await vault.escrow([SealedSecret(name: fixture.name(9), fingerprint: print, sealed: lost)])
        let error = await #expect(throws: VaultError.self) { try await vault.retire(oldID, actor: "test") }
        #expect(error?.description.contains("\(fixture.name(9))") == true)
        #expect(try await fixture.database.query("SELECT FROM factpulse.keks WHERE NOT live").isEmpty)
    }

    @Test func `nothing comes under a retired KEK any more`() async throws {
        let vault = try await fixture.open()
        try await fixture.addKey(1, to: vault)
        let oldID = try oldID
        try fixture.writeKEKs([new, old])
        let other = try await fixture.open()
        let row = await #expect(throws: VaultError.self) { try await other.retire(oldID, actor: "test") }
        #expect(row?.description.contains("2 rows") == true)
        _ = try await other.rewrap(actor: "test")
        try await other.retire(oldID, actor: "test")
        // A worker that has not looked at the file since.
        let late = await #expect(throws: PostgresError.self) { try await fixture.addKey(2, to: vault) }
        #expect(late?.sqlState == "23503")
        try fixture.writeKEKs([old, new])
        await #expect(throws: VaultError.kekRetired(oldID)) { _ = try await fixture.open() }
    }

    @Test func `a PDP secret is never in the escrow file, so that forgetting it is for good and holds up no KEK`()
        async throws
    {
        let vault = try await fixture.open()
        try await fixture.addKey(1, to: vault)
        let secret = try vault.sealPDPSecret(.randomKey())
        try await fixture.database.execute(vault.insert([secret]))
        try fixture.writeKEKs([new, old])
        #expect(try await vault.rewrap(actor: "test").rewrapped == 3)
        #expect(try await vault.pdpSecret(secret.name.client) != nil, "it opens under the new KEK")
        #expect(try await vault.verifyEscrow().isWhole)

        let forgotten = SQL("SELECT client_uid FROM factpulse.secrets WHERE purpose = 'pdp-secret'")
        try await fixture.database.execute(Vault.forgetPDPSecrets(forgotten))
        #expect(try await vault.verifyEscrow().isWhole)
        #expect(try await fixture.escrowLines().allSatisfy { $0.line?.name.purpose != .pdpSecret })
        // What an older version wrote there counts for nothing.
        try await fixture.escrowFile.append([EscrowLine(secret, in: vault.deployment)])
        #expect(try await vault.verifyEscrow().isWhole)
        let report = try await Vault.restore(
            keys: .file(fixture.kekPath),
            escrowFile: fixture.escrowFile,
            database: fixture.database,
            logger: .quiet,
            settle: .seconds(1),
            actor: "test"
        ).report
        #expect(report.restored == 0)
        try await vault.retire(oldID, actor: "test")
    }
}

extension VaultFixture {
    /// Puts another row's text into a row, as no statement of ours could.
    func damage(version: Int, with sealed: SealedText) async throws {
        try await database.pipeline([
            "ALTER TABLE factpulse.secrets DISABLE TRIGGER USER",
            "UPDATE factpulse.secrets SET sealed = \(sealed) WHERE client_uid = \(client) AND version = \(version)",
            "ALTER TABLE factpulse.secrets ENABLE TRIGGER USER",
        ])
    }
}
