import Foundation
import Postgres
import TestSupport
import Testing

@testable import KeyVault

@Suite(.database)
struct VaultTests {
    @Test func `a vault is founded once and is the same for everybody`() async throws {
        let fixture = try VaultFixture()
        try fixture.writeKEKs([.randomKey()])
        let vaults = try await withThrowingTaskGroup(of: Vault.self) { group in
            for _ in 0..<6 { group.addTask { [fixture] in try await fixture.open() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let secret = SecretBytes.randomKey()
        #expect(Set(vaults.map(\.deployment)).count == 1)
        #expect(Set(vaults.map { $0.fingerprint(of: secret) }).count == 1)
        #expect(try await fixture.states(of: vaults[0].deployment) == ["active"])
        #expect(try await fixture.escrowLines().allSatisfy { $0.line?.name.purpose == .fingerprintKey })
    }

    @Test func `a key takes four steps and then opens, from the table and from the escrow file`() async throws {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        let key = try await fixture.addKey(1, to: vault)
        let stored = try #require(try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database).first)
        #expect(stored.isEscrowed && stored.state == .pending && stored.fingerprint == vault.fingerprint(of: key))
        #expect(try await vault.open(#require(stored.sealed), as: stored.name) == key)
        let line = try #require(try await fixture.escrowLines().last?.line)
        #expect(try await vault.open(line.sealed, as: line.name) == key)
        #expect(line.fingerprint == stored.fingerprint)
    }

    @Test func `a row that was swapped with another does not open`() async throws {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        for version in 1...2 { try await fixture.addKey(version, to: vault) }
        let stored = try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database)
        await #expect(throws: VaultError.doesNotOpen(fixture.name(1))) {
            _ = try await vault.open(#require(stored[0].sealed), as: fixture.name(1))
        }
    }

    @Test func `a new active secret retires the one before it`() async throws {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        for version in 1...2 {
            try await fixture.addKey(version, .webhookSecret, to: vault)
            let name = SecretName(.webhookSecret, of: fixture.client, version: version)
            #expect(try await fixture.database.transaction { try await vault.activate(name, in: $0) })
            #expect(try await fixture.database.transaction { try await vault.activate(name, in: $0) } == false)
        }
        #expect(try await fixture.states() == ["retired", "active"])
    }

    @Test func `a client key is not made active beside one that may be live`() async throws {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        for version in 1...2 { try await fixture.addKey(version, to: vault) }
        try await fixture.setState("uncertain", of: 1)
        #expect(try await fixture.database.transaction { try await vault.activate(fixture.name(2), in: $0) } == false)
        #expect(try await fixture.states() == ["uncertain", "pending"])
    }

    @Test func `a database without a vault beside a full escrow file founds no second one`() async throws {
        let fixture = try VaultFixture()
        _ = try await fixture.open()
        try await fixture.forgetEverything()
        let error = await #expect(throws: VaultError.self) { _ = try await fixture.open() }
        #expect(error?.description.contains("keys restore") == true)
        #expect(try await fixture.database.query("SELECT FROM factpulse.secrets").isEmpty)
    }

    @Test func `a KEK that rows need must be at hand, and one that was added is found without a restart`() async throws
    {
        let fixture = try VaultFixture()
        let (old, new) = (SecretBytes.randomKey(), SecretBytes.randomKey())
        try fixture.writeKEKs([old])
        let vault = try await fixture.open()
        try fixture.writeKEKs([new])
        let error = await #expect(throws: VaultError.self) { _ = try await fixture.open() }
        #expect(error == .kekUnknown(try KeyEncryptionKey(old).id))

        try fixture.writeKEKs([new, old])
        let other = try await fixture.open()
        let key = try await fixture.addKey(1, to: other)
        let stored = try #require(try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database).first)
        #expect(stored.sealed?.kek == (try KeyEncryptionKey(new).id))
        #expect(try await vault.open(#require(stored.sealed), as: stored.name) == key)
        // Its fingerprint is the same whatever KEK it is under.
        #expect(vault.fingerprint(of: key) == other.fingerprint(of: key))
    }

    @Test func `a key that cannot be escrowed stays pending, and nothing lets it be used`() async throws {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        let sealed = try vault.seal(.randomKey(), as: fixture.name(1))
        try await fixture.database.execute(vault.insert(sealed))
        try FileManager.default.removeItem(at: fixture.folder)
        await #expect(throws: VaultError.self) { try await vault.escrow([sealed]) }
        #expect(try await fixture.database.transaction { try await vault.activate(fixture.name(1), in: $0) } == false)
        #expect(try await fixture.states() == ["pending"])
    }
}

extension VaultFixture {
    /// What a new, empty database looks like.
    func forgetEverything() async throws {
        try await database.pipeline([
            "ALTER TABLE factpulse.secrets DISABLE TRIGGER USER",
            "DELETE FROM factpulse.rotation_attempts",
            "DELETE FROM factpulse.secrets",
            "DELETE FROM factpulse.keks",
            "ALTER TABLE factpulse.secrets ENABLE TRIGGER USER",
        ])
    }
}
