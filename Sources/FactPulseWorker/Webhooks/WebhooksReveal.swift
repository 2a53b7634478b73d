import ArgumentParser
import FactPulse
import Foundation
import Jobs
import KeyVault
import Postgres

struct WebhooksReveal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reveal",
        abstract: "Shows a client's webhook secret on this terminal, and writes down why.",
        discussion: """
            EXAMPLES:
              factpulse-worker webhooks reveal 0f8fad5b-d9cb-469f-a165-70867728950e \\
                  --reason 'set up the receiver'

            Only on a terminal. For programs: bulk generate-webhook-secrets with
            --deliver-command.
            """
    )

    @Argument(help: "The client's uid.") var client: String
    @Option(help: "Why, for the audit log.") var reason: String
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if reason.allSatisfy(\.isWhitespace) { throw ValidationError("--reason says why, for the audit log.") }
    }

    func run() async throws {
        guard Output.isTerminal else {
            throw Failure(.usage, "a secret is shown on a terminal only: for programs there is bulk --deliver-command")
        }
        let client = try WebhookClient(client)
        let settings = try common.settings()
        let logger = settings.makeLogger()
        let custody = try settings.custody()
        let database = try await settings.openDatabase(logger)
        let vault = try await Vault.open(
            keys: custody.keys,
            escrowFile: custody.escrowFile,
            database: database,
            logger: logger
        )
        let entry = AuditEntry(actor: settings.person, action: "reveal-webhook-secret", outcome: "", reason: reason)
        let isKept = try await WebhookSecrets(database).lend(client.uuid, of: vault, for: entry) { secret in
            try Output.write(secret.withBytes { Array($0) } + [UInt8(ascii: "\n")])
        }
        await database.close()
        if !isKept {
            throw Failure(
                .troubled,
                "no webhook secret of \(client.uid) is kept here: see factpulse-worker webhooks status \(client.uid)"
            )
        }
    }
}
