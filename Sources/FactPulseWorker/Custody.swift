import Foundation
import KeyVault
import Logging
import Postgres

/// Where the keys are kept, as the settings say.
struct Custody {
    let keys: KeySource
    let escrowFile: EscrowFile
}

extension Settings {
    /// - Throws: ``SettingsError`` when it is not configured.
    func custody() throws -> Custody {
        guard let custody = try configuredCustody() else {
            throw SettingsError(
                key: "FACTPULSE_KEK_FILE",
                problem: "is not set",
                cure: "set it to a file of 32 random bytes: head -c 32 /dev/urandom | base64 > kek; chmod 0400 kek"
            )
        }
        return custody
    }

    /// - Returns: `nil` when there is no KEK: then no job that needs a key is done here.
    func configuredCustody() throws -> Custody? {
        let keys: KeySource
        switch (kekFile, kekCommand) {
        case (nil, nil): return nil
        case (let file?, nil): keys = .file(file)
        case (nil, let command?): keys = .command(command)
        case (.some, .some):
            throw SettingsError(
                key: "FACTPULSE_KEK_FILE",
                problem: "and FACTPULSE_KEK_COMMAND are both set",
                cure: "unset one of them"
            )
        }
        guard let escrowFile else {
            throw SettingsError(
                key: "FACTPULSE_ESCROW_FILE",
                problem: "is not set, and a KEK is",
                cure: "set it to a file on another disk than the database's, which is backed up"
            )
        }
        return Custody(keys: keys, escrowFile: EscrowFile(path: escrowFile))
    }

    /// - Returns: `nil` when there is no KEK.
    func openVault(_ database: Database, _ logger: Logger) async throws -> Vault? {
        guard let custody = try configuredCustody() else { return nil }
        return try await Vault.open(
            keys: custody.keys,
            escrowFile: custody.escrowFile,
            database: database,
            logger: logger
        )
    }

    /// Lends an open vault to a command. Its database is closed whatever happens.
    func withVault<Value>(_ body: (Vault) async throws -> Value) async throws -> Value {
        let custody = try custody()
        let logger = makeLogger()
        return try await withDatabase(logger) { database in
            try await body(
                Vault.open(keys: custody.keys, escrowFile: custody.escrowFile, database: database, logger: logger)
            )
        }
    }

    /// Lends the account's open database to a command, and closes it whatever happens.
    func withDatabase<Value>(_ logger: Logger, _ body: (Database) async throws -> Value) async throws -> Value {
        let database = try await openOwnDatabase(logger)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(database))
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        return try outcome.get()
    }

    /// Who the audit log names for what is done at the command line.
    var person: String { "\(NSUserName())@\(ProcessInfo.processInfo.hostName)" }
}
