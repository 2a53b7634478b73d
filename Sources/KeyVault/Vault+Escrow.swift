import Foundation
import Logging
import Postgres

extension Vault {
    /// What the table and the escrow file say of each other.
    package struct EscrowReport: Sendable, Hashable {
        package var lines = 0
        /// The numbers of lines that cannot be read: torn by a writer that died, which is no loss, or changed.
        package var damaged: [Int] = []
        /// Whether the last line has no end.
        package var isTorn = false
        /// The numbers of lines of another deployment.
        package var foreign: [Int] = []
        /// Lines that do not open, or hold something else than their fingerprint says.
        package var unreadable: [Int] = []
        /// In the file and not in the table: `keys restore` brings them back.
        package var missingInTable: Set<SecretName> = []
        /// In the table, and in no line that opens. Not safe: `keys verify-escrow --mend` appends them.
        package var missingInFile: Set<SecretName> = []

        package var isWhole: Bool {
            foreign.isEmpty && unreadable.isEmpty && missingInTable.isEmpty && missingInFile.isEmpty
        }
    }

    /// Opens every line of the escrow file and compares it with the table, by name and fingerprint. Changes nothing.
    ///
    /// Needs some 200 bytes of memory a secret. Workers may go on meanwhile.
    package func verifyEscrow() async throws -> EscrowReport {
        // The table first: a row is marked only once its line stands in the file.
        let table = try await inventory()
        let reader = try await EscrowReader.open(escrowFile.path)
        var report = EscrowReport()
        var absent: [Fingerprint: SecretName] = [:]
        var unseen = table
        while case let entries = try await reader.next(), !entries.isEmpty {
            for entry in entries {
                guard let line = await check(entry, &report), line.name.purpose.isEscrowed else { continue }
                if table[line.name] == line.fingerprint {
                    unseen[line.name] = nil
                } else {
                    absent[line.fingerprint] = line.name
                }
            }
        }
        report.isTorn = await reader.isTorn
        report.missingInFile = Set(unseen.keys)
        // Not marked yet, made since, destroyed, or restored under another number: all of these are known.
        let known = try await known(Array(absent.keys))
        report.missingInTable = Set(absent.filter { !known.contains($0.key) }.values)
        return report
    }

    /// Appends what only the table has: after the escrow file was lost, or its disk.
    package func mendEscrow(_ names: Set<SecretName>) async throws {
        for client in Set(names.map(\.client)) {
            let rows = try await database.query(
                "SELECT \(StoredSecret.columns) FROM factpulse.secrets WHERE client_uid = \(client)"
            )
            let stored = try rows.map(StoredSecret.init)
            try await escrow(stored.filter { names.contains($0.name) }.compactMap(\.sealedSecret))
        }
    }

    /// - Returns: the line, when it holds what it says.
    func check(_ entry: EscrowReader.Entry, _ report: inout EscrowReport) async -> EscrowLine? {
        report.lines += 1
        guard let line = entry.line else {
            report.damaged.append(entry.number)
            return nil
        }
        guard line.deployment == deployment else {
            report.foreign.append(entry.number)
            return nil
        }
        do {
            let secret = try await open(line.sealed, as: line.name)
            guard fingerprint(of: secret) == line.fingerprint else { throw VaultError.doesNotOpen(line.name) }
            return line
        } catch {
            logger.error(
                "A line of the escrow file cannot be used",
                metadata: ["line": "\(entry.number)", "error": "\(error)"]
            )
            report.unreadable.append(entry.number)
            return nil
        }
    }

    /// Which of the fingerprints the table has, in whatever state.
    func known(_ fingerprints: [Fingerprint]) async throws -> Set<Fingerprint> {
        let rows = try await database.query(
            "SELECT fingerprint FROM factpulse.secrets WHERE fingerprint = ANY (\(fingerprints)::text[])"
        )
        return Set(try rows.map { try $0.decode(at: 0) })
    }

    /// What the table says is safe in the escrow file. A row that is not marked yet may be on its way there.
    private func inventory() async throws -> [SecretName: Fingerprint] {
        let rows = try await database.query(
            """
            SELECT purpose, client_uid, version, fingerprint FROM factpulse.secrets
             WHERE escrowed_at IS NOT NULL AND state <> 'destroyed'
            """,
            deadline: .seconds(120)
        )
        return try Dictionary(
            uniqueKeysWithValues: rows.map {
                let (purpose, client, version, print) = try $0.decode(
                    (Purpose.self, UUID.self, Int.self, Fingerprint.self)
                )
                return (SecretName(purpose, of: client, version: version), print)
            }
        )
    }
}
