import Foundation
import JobQueue
import KeyVault
import Postgres

/// The secrets that come in files.
extension BulkStore {
    /// Puts the secrets of a file into the vault. The rows, which are staged already, are told only where they are.
    func keepSecrets(of file: BulkFile, _ run: Int64, _ vault: Vault, in transaction: Transaction) async throws {
        await file.rewind()
        while case let rows = try await file.next(1_000), !rows.isEmpty {
            var kept: [SealedSecret] = []
            var owners: [Int] = []
            for row in rows {
                guard let secret = row.secret else { continue }
                kept.append(try vault.sealPDPSecret(secret))
                owners.append(row.row)
            }
            if kept.isEmpty { continue }
            try await transaction.execute(vault.insert(kept))
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows r SET secret_id = k.id
                  FROM unnest(\(owners)::bigint[], \(kept.map(\.name.client))::uuid[]) k (row, id)
                 WHERE r.run_id = \(run) AND r.row = k.row
                """
            )
        }
    }

    /// Forgets the secrets of rows that are not sent any more.
    static func forgetSkippedSecrets(of run: Int64) -> SQL {
        Vault.forgetPDPSecrets("SELECT secret_id FROM factpulse.bulk_rows WHERE run_id = \(run) AND state = 'skipped'")
    }
}
