import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import KeyVault

@Suite(.database)
struct RestoreTests {
    private let fixture: VaultFixture

    init() throws {
        fixture = try VaultFixture()
    }

    private func restore() async throws -> (vault: Vault, report: Vault.RestoreReport) {
        try await Vault.restore(
            keys: .file(fixture.kekPath),
            escrowFile: fixture.escrowFile,
            database: fixture.database,
            logger: .quiet,
            settle: .seconds(150),
            actor: "test"
        )
    }

    private func forget(versions: ClosedRange<Int>) async throws {
        try await fixture.database.pipeline([
            "ALTER TABLE factpulse.secrets DISABLE TRIGGER USER",
            """
            DELETE FROM factpulse.secrets
             WHERE client_uid = \(fixture.client) AND version BETWEEN \(versions.lowerBound) AND \(versions.upperBound)
            """,
            "ALTER TABLE factpulse.secrets ENABLE TRIGGER USER",
        ])
    }

    @Test func `a restore without an escrow file founds nothing, and says where to look`() async throws {
        try fixture.writeKEKs([.randomKey()])
        let error = await #expect(throws: VaultError.self) { try await restore() }
        #expect(error == .escrowEmpty(path: fixture.escrowFile.path))
        #expect(error?.description.contains("FACTPULSE_ESCROW_FILE") == true)
        let secrets = try await fixture.database.query("SELECT FROM factpulse.secrets")
        #expect(secrets.isEmpty, "a deployment founded now would make every line unreadable")
    }

    @Test func `a database that lost everything gets it all back from the escrow file`() async throws {
        let first = try await fixture.open()
        var secrets: [SecretName: SecretBytes] = [:]
        for version in 1...5 { secrets[fixture.name(version)] = try await fixture.addKey(version, to: first) }
        try await fixture.forgetEverything()
        let (vault, report) = try await restore()
        #expect(report.restored == 5 && report.uncertain == 5 && report.renumbered == 0)
        #expect(vault.deployment == first.deployment)
        for stored in try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database) {
            #expect(try await vault.open(#require(stored.sealed), as: stored.name) == secrets[stored.name])
            #expect(stored.state == .uncertain && stored.isEscrowed)
        }
        let size = try await fixture.escrowLines().count
        let again = try await restore().report
        #expect(again.restored == 0)
        #expect(try await fixture.escrowLines().count == size, "what is there is not appended again")
        #expect(try await vault.verifyEscrow().isWhole)
    }

    @Test func `a table of last week doubts what it believes in, for it may have been replaced since`() async throws {
        let vault = try await fixture.open()
        for version in 1...4 { try await fixture.addKey(version, to: vault) }
        try await fixture.setState("retired", of: 1)
        try await fixture.setState("active", of: 2)
        // 3 is pending here and may have been used; 4 is unknown; 1 is known to be over.
        try await forget(versions: 4...4)
        let report = try await restore().report
        #expect(report.restored == 1 && report.uncertain == 3)
        #expect(try await fixture.states() == ["retired", "uncertain", "uncertain", "uncertain"])
    }

    @Test func `a missing version that is older than the active one comes back as retired`() async throws {
        let vault = try await fixture.open()
        for version in 1...2 { try await fixture.addKey(version, to: vault) }
        try await fixture.setState("active", of: 2)
        try await forget(versions: 1...1)
        #expect(try await restore().report.uncertain == 0)
        #expect(try await fixture.states() == ["retired", "active"])
    }

    @Test func `a lost version whose number was given away comes back under a new one`() async throws {
        let vault = try await fixture.open()
        let lost = try await fixture.addKey(1, to: vault)
        try await forget(versions: 1...1)
        let other = try await fixture.addKey(1, to: vault)
        try await fixture.setState("active", of: 1)
        let report = try await restore().report
        #expect(report.restored == 1 && report.renumbered == 1)
        let stored = try await vault.secrets(.clientKey, of: fixture.client, in: fixture.database)
        #expect(stored.map(\.name.version) == [2, 1])
        #expect(try await vault.open(#require(stored[0].sealed), as: stored[0].name) == lost)
        #expect(try await vault.open(#require(stored[1].sealed), as: stored[1].name) == other)
        #expect(try await fixture.states() == ["uncertain", "uncertain"])
        #expect(try await restore().report.restored == 0)
        #expect(try await vault.verifyEscrow().isWhole)
    }

    @Test func `what was destroyed does not come back`() async throws {
        let vault = try await fixture.open()
        try await fixture.addKey(1, to: vault)
        try await fixture.setState("retired", of: 1)
        try await fixture.database.execute(
            "UPDATE factpulse.secrets SET retired_at = now() - interval '401 days' WHERE version = 1 AND state = 'retired'"
        )
        try await fixture.database.execute(vault.destroy(fixture.name(1)))
        #expect(try await restore().report.restored == 0)
        #expect(try await fixture.states() == ["destroyed"])
    }

    @Test func `the table and the escrow file are compared both ways`() async throws {
        let vault = try await fixture.open()
        for version in 1...3 { try await fixture.addKey(version, to: vault) }
        #expect(try await vault.verifyEscrow().isWhole)
        try await forget(versions: 2...2)
        // A row that says it is escrowed, and is not.
        let unsafe = try vault.seal(.randomKey(), as: fixture.name(7))
        try await fixture.database.execute(vault.insert(unsafe))
        try await fixture.database.execute(vault.markEscrowed(unsafe.name))
        // Lines of another deployment, of a swapped text, and of half a write.
        let text = try String(contentsOfFile: fixture.escrowFile.path, encoding: .utf8).split(separator: "\n")
        let foreign = text[1].replacing(vault.deployment.uuidString, with: UUID().uuidString)
        let swapped = text[1].replacing(#""version":1"#, with: #""version":5"#)
        try append("\(foreign)\n\(swapped)\n\(text[1].prefix(60))")
        let report = try await vault.verifyEscrow()
        #expect(report.lines == 7)
        #expect(report.missingInTable == [fixture.name(2)])
        #expect(report.missingInFile == [fixture.name(7)])
        #expect(report.foreign == [5] && report.unreadable == [6] && report.damaged == [7] && report.isTorn)

        try await vault.mendEscrow(report.missingInFile)
        #expect(try await vault.verifyEscrow().missingInFile.isEmpty)
    }

    private func append(_ text: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: fixture.escrowFile.path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }
}
