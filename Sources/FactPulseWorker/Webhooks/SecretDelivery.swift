import Foundation
import Jobs
import KeyVault

/// Hands the webhook secrets that a run made to a shell command, one call a secret.
///
/// Here and not in a worker: a command that stood in the database would be run by whoever can write there.
struct SecretDelivery {
    private static let limit = Duration.seconds(60)

    let command: String
    let vault: Vault
    let secrets: WebhookSecrets
    let actor: String

    struct Failed: Error {
        let reason: String
    }

    /// - Returns: how many could not be handed over. They are when this is done again.
    func deliver(_ run: Int64) async throws -> Int {
        var failed = 0
        var last: Int64 = 0
        while case let rows = try await secrets.undelivered(of: run, after: last, limit: 100), !rows.isEmpty {
            for row in rows {
                last = row.row
                let entry = AuditEntry(
                    actor: actor,
                    action: "deliver-webhook-secret",
                    outcome: "",
                    reason: "run \(run)"
                )
                do {
                    _ = try await secrets.lend(row.client, of: vault, for: entry, delivering: (run, row.row)) {
                        secret in
                        try await hand(secret, row.client)
                    }
                } catch let error as Failed {
                    Messages.write("the secret of \(row.client.lowercased) was not handed over: \(error.reason)")
                    failed += 1
                }
            }
        }
        return failed
    }

    /// The secret on standard input and nowhere else; what the command prints goes to our standard error.
    private func hand(_ secret: SecretBytes, _ client: UUID) async throws {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "factpulse.delivery").async {
                continuation.resume(with: Result { try run(secret, client) })
            }
        }
    }

    private func run(_ secret: SecretBytes, _ client: UUID) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.environment = ProcessInfo.processInfo.environment.merging(["FACTPULSE_CLIENT_UID": client.lowercased]) {
            $1
        }
        let input = Pipe()
        process.standardInput = input
        process.standardOutput = FileHandle.standardError
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        do {
            try process.run()
            // Less than a pipe holds, so this does not wait for the command.
            try input.fileHandleForWriting.write(contentsOf: secret.withBytes { Data($0) })
            try input.fileHandleForWriting.close()
        } catch {
            if process.isRunning { kill(-process.processIdentifier, SIGKILL) }
            throw Failed(reason: "the command does not take it")
        }
        guard ended.wait(timeout: .now() + .milliseconds(Int(Self.limit / .milliseconds(1)))) == .success else {
            kill(-process.processIdentifier, SIGKILL)
            throw Failed(reason: "the command did not end in \(Self.limit.spoken) and was killed")
        }
        guard process.terminationStatus == 0 else {
            throw Failed(reason: "the command ended with status \(process.terminationStatus)")
        }
    }
}
