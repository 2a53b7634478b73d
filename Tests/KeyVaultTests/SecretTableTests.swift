import Foundation
import Postgres
import TestSupport
import Testing

@testable import KeyVault

/// What the tables refuse, whatever the program does.
@Suite(.database)
struct SecretTableTests {
    private func failure(_ fixture: VaultFixture, _ sql: SQL) async -> (code: String?, constraint: String?) {
        do {
            try await fixture.database.execute(sql)
            return (nil, nil)
        } catch {
            return (error.sqlState, error.constraint)
        }
    }

    private func update(_ fixture: VaultFixture, _ version: Int, _ assignment: SQL) async -> (
        code: String?, constraint: String?
    ) {
        await failure(
            fixture,
            "UPDATE factpulse.secrets SET \(assignment) WHERE client_uid = \(fixture.client) AND version = \(version)"
        )
    }

    private func fixture(keys count: Int) async throws -> (VaultFixture, Vault) {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        for version in 1...count { try await fixture.addKey(version, to: vault) }
        return (fixture, vault)
    }

    @Test func `one key of a client is active`() async throws {
        let (fixture, _) = try await fixture(keys: 2)
        #expect(await update(fixture, 1, "state = 'active'").code == nil)
        #expect(await update(fixture, 2, "state = 'active'").constraint == "secrets_one_active")
    }

    @Test(arguments: ["active", "uncertain", "retired"]) func `no key goes anywhere before it is escrowed`(
        state: String
    ) async throws {
        let fixture = try VaultFixture()
        let vault = try await fixture.open()
        try await fixture.database.execute(vault.insert(vault.seal(.randomKey(), as: fixture.name(1))))
        #expect(await update(fixture, 1, "state = \(state)").constraint == "secrets_escrowed_before_use")
        #expect(await update(fixture, 1, "escrowed_at = now()").code == nil)
        #expect(await update(fixture, 1, "escrowed_at = NULL").code == "FV001")
    }

    @Test func `a key that may be live is never deleted`() async throws {
        let (fixture, _) = try await fixture(keys: 4)
        try await fixture.setState("uncertain", of: 2)
        try await fixture.setState("active", of: 3)
        try await fixture.setState("retired", of: 4)
        for version in 1...4 {
            let error = await failure(
                fixture,
                "DELETE FROM factpulse.secrets WHERE client_uid = \(fixture.client) AND version = \(version)"
            )
            #expect(error.code == "FV001")
        }
        #expect(await failure(fixture, "TRUNCATE factpulse.secrets CASCADE").code == "FV001")
        #expect(try await fixture.states().count == 4)
    }

    @Test func `a sealed text changes only together with its KEK`() async throws {
        let (fixture, vault) = try await fixture(keys: 1)
        let other = try vault.seal(.randomKey(), as: fixture.name(1)).sealed
        #expect(await update(fixture, 1, "sealed = \(other)").code == "FV001")
        #expect(await update(fixture, 1, "kek_id = 'abcdef01'").constraint == "secrets_sealed_names_its_kek")
        #expect(await update(fixture, 1, "sealed = 'fpk1:abcdef01:AAAA', kek_id = 'abcdef01'").code == "23503")
        #expect(await update(fixture, 1, "sealed = NULL, kek_id = NULL").constraint == "secrets_sealed_until_destroyed")
        #expect(
            await update(fixture, 1, "sealed = 'hunter2', kek_id = NULL").constraint == "secrets_sealed_until_destroyed"
        )
    }

    @Test func `what a secret is never changes, and no version comes twice`() async throws {
        let (fixture, vault) = try await fixture(keys: 2)
        for change: SQL in [
            "version = 7", "client_uid = gen_random_uuid()", "purpose = 'webhook-secret'",
            "fingerprint = 'kfp_0000000000000000'",
        ] {
            #expect(await update(fixture, 1, change).code == "FV001")
        }
        #expect(try await failure(fixture, vault.insert(vault.seal(.randomKey(), as: fixture.name(1)))).code == "23505")
        let key = try await fixture.addKey(3, to: vault)
        let again = try vault.seal(key, as: fixture.name(4))
        #expect(await failure(fixture, vault.insert(again)).constraint == "secrets_one_of_each")
    }

    @Test(arguments: [
        ("pending", "destroyed"), ("active", "pending"), ("active", "destroyed"), ("active", "compromised"),
        ("retired", "active"),
        ("retired", "pending"), ("uncertain", "destroyed"), ("pending", "lost"),
    ]) func `a key takes no way that the states do not have`(from: String, to: String) async throws {
        let (fixture, _) = try await fixture(keys: 1)
        if from != "pending" { try await fixture.setState(from, of: 1) }
        let error = await update(fixture, 1, "state = \(to)")
        #expect(error.code == "FV001" || error.constraint == "secrets_state_known")
    }

    @Test func `a retired key is kept 400 days, and while a rotation is open`() async throws {
        let (fixture, vault) = try await fixture(keys: 3)
        try await fixture.setState("active", of: 3)
        for (version, days) in [(1, 399), (2, 401)] {
            try await fixture.setState("retired", of: version)
            #expect(await update(fixture, version, "retired_at = now() - \(days)::int * interval '1 day'").code == nil)
        }
        #expect(await failure(fixture, vault.destroy(fixture.name(1))).code == "FV001")
        try await fixture.openAttempt(from: 3, to: 1)
        #expect(await failure(fixture, vault.destroy(fixture.name(2))).code == "FV001")
        try await fixture.database.execute(
            "UPDATE factpulse.rotation_attempts SET state = 'resolved', ended_at = now()"
        )
        #expect(await failure(fixture, vault.destroy(fixture.name(2))).code == nil)
        #expect(try await fixture.states() == ["retired", "destroyed", "active"])
        let stored = try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database)
        #expect(stored[1].sealed == nil && stored[1].fingerprint.text.hasPrefix("kfp_"))
    }

    @Test func `one rotation of a client is open at a time, also while it waits for a person`() async throws {
        let (fixture, _) = try await fixture(keys: 2)
        try await fixture.openAttempt(from: 1, to: 2)
        for state in ["open", "uncertain", "split", "lost", "needs_review"] {
            try await fixture.database.execute("UPDATE factpulse.rotation_attempts SET state = \(state)")
            let error = await #expect(throws: PostgresError.self) { try await fixture.openAttempt(from: 1, to: 2) }
            #expect(error?.constraint == "rotation_attempts_one_open")
        }
        #expect(await failure(fixture, "UPDATE factpulse.rotation_attempts SET state = 'succeeded'").code == "23514")
        try await fixture.database.execute(
            "UPDATE factpulse.rotation_attempts SET state = 'succeeded', ended_at = now()"
        )
        try await fixture.openAttempt(from: 1, to: 2)
    }

    @Test func `a key is committed to disk even where the session does not wait for it`() async throws {
        let (fixture, vault) = try await fixture(keys: 1)
        let setting = try await fixture.database.transaction { transaction in
            try await transaction.execute("SET LOCAL synchronous_commit = off")
            try await transaction.execute(vault.insert(vault.seal(.randomKey(), as: fixture.name(2))))
            return try await transaction.query("SHOW synchronous_commit")[0].decode(at: 0, as: String.self)
        }
        #expect(setting == "on")
    }
}

extension VaultFixture {
    func openAttempt(from: Int, to: Int) async throws {
        try await database.execute(
            """
            INSERT INTO factpulse.rotation_attempts (client_uid, state, from_version, to_version)
            VALUES (\(client), 'open', \(from), \(to))
            """
        )
    }
}
