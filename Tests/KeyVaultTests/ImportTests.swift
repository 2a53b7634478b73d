import Foundation
import Postgres
import TestSupport
import Testing

@testable import KeyVault

@Suite(.database)
struct ImportTests {
    private let fixture: VaultFixture
    private let key = SecretBytes.randomKey()

    init() throws {
        fixture = try VaultFixture()
    }

    @Test func `a client's first key is taken for the live one, and the same again changes nothing`() async throws {
        let vault = try await fixture.open()
        #expect(try await vault.importKey(key, of: fixture.client, actor: "test") == .active)
        #expect(try await vault.importKey(key, of: fixture.client, actor: "test") == .known)
        let stored = try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database)
        #expect(stored.map(\.state) == [.active] && stored[0].isEscrowed)
        #expect(try await vault.open(#require(stored[0].sealed), as: stored[0].name) == key)
        #expect(try await AuditLog(fixture.database).verify().entries == 2)
        #expect(try await vault.verifyEscrow().isWhole)
    }

    @Test func `another key beside a live one leaves both in doubt`() async throws {
        let vault = try await fixture.open()
        _ = try await vault.importKey(key, of: fixture.client, actor: "test")
        #expect(try await vault.importKey(.randomKey(), of: fixture.client, actor: "test") == .uncertain)
        #expect(try await fixture.states() == ["uncertain", "uncertain"])
        #expect(try await KeyOverview(fixture.database).unfinishedRotations(limit: 10) == [fixture.client])
    }

    @Test func `an import that was cut off before the escrow is finished by the next one`() async throws {
        let vault = try await fixture.open()
        let path = fixture.escrowFile.path
        let aside = path + ".aside"
        try FileManager.default.moveItem(atPath: path, toPath: aside)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        await #expect(throws: VaultError.self) {
            _ = try await vault.importKey(key, of: fixture.client, actor: "test")
        }
        #expect(try await fixture.states() == ["pending"])
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: aside, toPath: path)
        #expect(try await vault.importKey(key, of: fixture.client, actor: "test") == .active)
        #expect(try await fixture.states() == ["active"])
        #expect(try await vault.verifyEscrow().isWhole)
    }
}
