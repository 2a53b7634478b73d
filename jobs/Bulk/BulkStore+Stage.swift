import Foundation
import JobQueue
import KeyVault
import Postgres

extension BulkStore {
    /// What a file became.
    package enum Staged: Sendable, Equatable {
        case new(run: Int64)
        /// The same file, with the same options, was imported before: nothing was written.
        case known(run: Int64)
        /// Somebody else is staging the same file, with the same options, at this moment: nothing was written.
        case busy
    }

    /// Who a run is: the same file with the same options is the same run.
    package static func identity(
        operation: BulkOperation,
        digest: String,
        file: RowFile
    ) -> String {
        let mapping = file.format.mapping.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(
            separator: ","
        )
        let options = file.options
        return
            "\(operation.rawValue) \(digest) \(mapping) fix=\(options.fix) siret=\(options.siretCheck.rawValue) "
            + "names=\(options.allowSameName)" + (options.rotate ? " rotate" : "")
    }

    /// Writes every row of a file and the job that starts the run, all in one transaction or nothing.
    /// - Parameters:
    ///   - account: Whose the database is, or becomes. The API has accepted its credentials.
    ///   - forceNew: Makes another run of a file that has one.
    ///   - vault: Where the secrets of the file go, for an operation that has some.
    ///   - progress: Told how many rows were written so far.
    /// - Throws: ``FileError``, ``OtherAccount``, `PostgresError`; nothing was written then.
    package func stage(
        _ file: BulkFile,
        account: Account,
        operation: BulkOperation,
        fileName: String,
        identity: String,
        forceNew: Bool,
        vault: Vault? = nil,
        progress: @Sendable (_ rows: Int) -> Void
    ) async throws -> Staged {
        precondition(vault != nil || !operation.schema.hasSecrets, "\(operation.rawValue) needs a vault")
        let accountID = try await account.bind(database)
        let staged = try await database.transaction { transaction -> Staged in
            let format = file.file.format
            // A long file is one long statement.
            try await transaction.execute("SET LOCAL statement_timeout = 0")
            guard try await Self.isFirst(to: identity, in: transaction) else { return .busy }
            let rows = try await transaction.query(
                """
                INSERT INTO factpulse.bulk_runs (account_id, operation, file_name, identity, columns, delimiter, encoding, row_count)
                SELECT \(accountID)::int, \(operation), \(fileName), \(identity) || CASE WHEN \(forceNew) AND n.earlier > 0 THEN ' #' || n.earlier + 1 ELSE '' END,
                       \(format.columns), \(format.delimiter.name), \(format.encoding.rawValue), 0
                  FROM (SELECT count(*) AS earlier FROM factpulse.bulk_runs
                         WHERE identity = \(identity) OR starts_with(identity, \(identity) || ' #')) n
                ON CONFLICT (identity) DO NOTHING
                RETURNING id
                """
            )
            guard let row = rows.first else {
                let known = try await transaction.query(
                    "SELECT id FROM factpulse.bulk_runs WHERE identity = \(identity)"
                )
                return .known(run: try known[0].decode(at: 0, as: Int64.self))
            }
            let run = try row.decode(at: 0, as: Int64.self)
            let count = try await copy(file, operation, accountID, into: run, in: transaction, progress: progress)
            if let vault { try await keepSecrets(of: file, run, vault, in: transaction) }
            try await transaction.execute("UPDATE factpulse.bulk_runs SET row_count = \(count) WHERE id = \(run)")
            try await Self.start(run, in: transaction)
            CrashPoint.reached("before-stage-commit")
            return .new(run: run)
        }
        CrashPoint.reached("after-stage")
        return staged
    }

    /// Whether nobody else is staging this file now. Nobody can, then, until the end of the transaction.
    private static func isFirst(to identity: String, in transaction: Transaction) async throws -> Bool {
        try await transaction.query(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('factpulse.stage ' || \(identity), 0))"
        )[0].decode(at: 0, as: Bool.self)
    }

    private func copy(
        _ file: BulkFile,
        _ operation: BulkOperation,
        _ accountID: Int64,
        into run: Int64,
        in transaction: Transaction,
        progress: @Sendable (_ rows: Int) -> Void
    ) async throws -> Int {
        try await transaction.copy(
            into: "factpulse.bulk_rows",
            columns: [
                "run_id", "row", "account_id", "operation", "line", "state", "siret", "name", "name_key", "fields",
                "uid", "cells", "error_code", "error",
            ]
        ) { writer in
            await file.rewind()
            var written = 0
            while true {
                let rows = try await file.next(1_000)
                if rows.isEmpty { return }
                for row in rows {
                    try await writer.row(
                        run,
                        row.row,
                        accountID,
                        operation,
                        row.line,
                        row.state,
                        row.siret,
                        row.name,
                        row.name.map(NameKey.of),
                        JSON(row.fields),
                        row.uid,
                        row.cells,
                        row.errorCode,
                        row.error
                    )
                }
                written += rows.count
                progress(written)
            }
        }
    }
}
