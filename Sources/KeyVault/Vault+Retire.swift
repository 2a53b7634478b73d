import Foundation
import Postgres

extension Vault {
    /// Says that a KEK will not be needed again: its line may then be taken out of the KEK file.
    ///
    /// From then on the database refuses every row under it, also from a worker that still has it as its current one.
    ///
    /// - Throws: ``VaultError/kekInUse(_:reason:)``: it is the current one, or a row or a line of the escrow file can be
    ///   opened with nothing else. Nothing has changed then.
    package func retire(_ kek: KeyEncryptionKey.ID, actor: String) async throws {
        try await keys.reload()
        guard kek != keys.current.id else { throw VaultError.kekInUse(kek, reason: "it is the current one") }
        do {
            try await database.transaction { transaction in
                // The foreign keys refuse this while a row needs it. Rows come before lines, so no line can come later.
                try await transaction.execute("UPDATE factpulse.keks SET live = false WHERE id = \(kek)")
                let needed = try await namesThatNeed(kek, in: transaction)
                guard needed.isEmpty else {
                    let reason = "the escrow file has \(needed.count) secrets only under it, such as \(needed[0])"
                    throw VaultError.kekInUse(kek, reason: reason)
                }
                let entry = AuditEntry(actor: actor, action: "retire-kek", outcome: "done", reason: "KEK \(kek)")
                try await transaction.execute(entry.insert)
            }
        } catch let error as PostgresError where error.sqlState == "23503" {
            let rows = try await database.query("SELECT count(*) FROM factpulse.secrets WHERE kek_id = \(kek)")
            throw VaultError.kekInUse(kek, reason: "\(try rows[0].decode(at: 0, as: Int.self)) rows are under it")
        }
    }

    /// Secrets of which the escrow file has no line under any other KEK. Those that were destroyed need none.
    private func namesThatNeed(_ kek: KeyEncryptionKey.ID, in transaction: Transaction) async throws -> [SecretName] {
        var needs: [SecretName: Bool] = [:]
        let reader = try await EscrowReader.open(escrowFile.path)
        while case let entries = try await reader.next(), !entries.isEmpty {
            for line in entries.compactMap(\.line) where line.deployment == deployment && line.name.purpose.isEscrowed {
                needs[line.name] = (needs[line.name] ?? true) && line.sealed.kek == kek
            }
        }
        let destroyed = try await transaction.query(
            "SELECT \(StoredSecret.columns) FROM factpulse.secrets WHERE state = 'destroyed'"
        ).map { try StoredSecret($0).name }
        return Set(needs.filter(\.value).keys).subtracting(destroyed).sorted { "\($0)" < "\($1)" }
    }
}
