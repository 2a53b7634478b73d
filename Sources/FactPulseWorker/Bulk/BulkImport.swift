import FactPulse
import Foundation
import Jobs
import KeyVault
import Logging
import Postgres

/// Turns a checked file into a run.
struct BulkImport {
    private static let askAgain = Duration.milliseconds(500)

    let settings: Settings
    let checked: CheckedFile
    let operation: BulkOperation
    let forceNew: Bool

    /// - Throws: ``Failure`` for what the command ends with; before the message that names the run, nothing was kept.
    func run(_ following: BulkFollowing) async throws {
        let logger = settings.makeLogger()
        // Said before anything is touched.
        _ = try settings.factPulse()
        if operation.schema.hasSecrets || following.deliverCommand != nil { _ = try settings.custody() }
        if let result = following.result { try await Self.checkWritable(result) }
        let database = try await settings.openOwnDatabase(logger)
        let store = BulkStore(database)
        let identity = BulkStore.identity(
            operation: operation,
            digest: try await digest(),
            file: checked.file.file
        )
        let run: Int64
        var following = following
        if !forceNew, let known = try await store.run(identity: identity) {
            run = known.id
            following.isRepeated = known.state == .finished || known.state == .cancelled
            tellKnown(known)
        } else {
            try await preflight(logger)
            if !forceNew, let other = try await store.run(sameFileAs: identity) { tellOther(other) }
            let vault = operation.schema.hasSecrets ? try await settings.openVault(database, logger) : nil
            run = try await stage(store, identity, vault, isSilent: following.json)
        }
        try await following.end(run: run, store: store) { run in
            guard let command = following.deliverCommand, let vault = try await settings.openVault(database, logger)
            else {
                return 0
            }
            return try await SecretDelivery(
                command: command,
                vault: vault,
                secrets: WebhookSecrets(database),
                actor: settings.person
            ).deliver(run)
        }
        await database.close()
    }

    /// A result that cannot be written is told now, and not after the run.
    private static func checkWritable(_ path: String) async throws {
        do {
            // Never finished, so it goes away again.
            try await ResultFile().open(path: path, columns: [], delimiter: ";")
        } catch let error as FileError {
            throw Failure(error, path: path)
        }
    }

    private func digest() async throws -> String {
        do {
            return try await checked.file.digest(path: checked.path)
        } catch let error as FileError {
            throw Failure(error, path: checked.path)
        }
    }

    /// Refused credentials and an unknown address are found before anything is written.
    private func preflight(_ logger: Logger) async throws {
        try await settings.withAPI(logger: logger) { api in
            _ = try await api.account.listClients(page: 1, pageSize: 1)
        }
    }

    private func stage(_ store: BulkStore, _ identity: String, _ vault: Vault?, isSilent: Bool) async throws -> Int64 {
        var isTold = false
        while true {
            switch try await stageOnce(store, identity, vault, isSilent: isSilent) {
            case .new(let run):
                tellNew(run)
                return run
            case .known(let run):
                // Somebody imported the same file at the same moment.
                if let known = try await store.run(run) { tellKnown(known) }
                return run
            case .busy:
                if !isTold {
                    Messages.write("another terminal is importing this same file: waiting until its rows are written")
                }
                isTold = true
                try await Task.sleep(for: Self.askAgain)
            }
        }
    }

    private func stageOnce(_ store: BulkStore, _ identity: String, _ vault: Vault?, isSilent: Bool) async throws
        -> BulkStore.Staged
    {
        let rows = checked.report.counts.rows
        let line = ProgressLine("Writing", counting: "rows", isSilent: isSilent)
        defer { line.clear() }
        do {
            return try await store.stage(
                checked.file,
                account: settings.account,
                operation: operation,
                fileName: URL(filePath: checked.path).lastPathComponent,
                identity: identity,
                forceNew: forceNew,
                vault: vault
            ) { line.show($0, part: rows == 0 ? 1 : Double($0) / Double(rows)) }
        } catch let error as FileError {
            throw Failure(error, path: checked.path)
        }
    }

    private func tellNew(_ run: Int64) {
        let counts = checked.report.counts
        var words = ["run \(run): \(counts[.staged].counted("row")) to \(operation.verb)"]
        if counts[.rejected] > 0 { words.append("\(counts[.rejected].grouped) rejected") }
        if counts[.duplicate] > 0 { words.append("\(counts[.duplicate].grouped) duplicate") }
        Messages.write(words.joined(separator: ", ") + "; follow with: factpulse-worker bulk-runs status \(run)")
    }

    private func tellOther(_ run: BulkRun) {
        Messages.write(
            "run \(run.id), \(run.state.rawValue), imported this same file on \(run.createdAt.spoken) with other options; "
                + "a client that it made is found by its SIRET, and else a name that is there already waits for a decision"
        )
    }

    private func tellKnown(_ run: BulkRun) {
        Messages.write(
            "run \(run.id), \(run.state.rawValue): the same file was imported on \(run.createdAt.spoken), nothing new was started; "
                + "for another run of it: --force-new"
        )
    }
}
