import ArgumentParser
import FactPulse
import Foundation
import Jobs
import Postgres

struct WebhooksDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes a client's webhook secret at FactPulse.",
        discussion: """
            EXAMPLES:
              factpulse-worker webhooks delete 0f8fad5b-d9cb-469f-a165-70867728950e --yes

            FactPulse then signs the client's webhooks with a key of its own, which nobody
            here can check. What is kept here is retired.
            """
    )

    @Argument(help: "The client's uid.") var client: String
    @Flag(help: "Do it: the client's webhooks cannot be checked any more.") var yes = false
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !yes { throw ValidationError("The client's webhooks cannot be checked any more then: say --yes.") }
    }

    func run() async throws {
        let client = try WebhookClient(client)
        let settings = try common.settings()
        let logger = settings.makeLogger()
        let database = try await settings.openOwnDatabase(logger)
        let secrets = WebhookSecrets(database)
        try await secrets.beginDeleting(client.uuid, actor: settings.person)
        try await settings.withAPI(logger: logger) { try await Self.delete($0.client(client.uid)) }
        try await secrets.deleted(client.uuid, actor: settings.person)
        await database.close()
        if output.json { return try Output.json(["client": client.uid.text, "state": "deleted"]) }
        try Output.print("\(client.uid): FactPulse has no webhook secret of this client any more")
    }

    /// Twice is once. Where the answer was lost, or there was nothing to delete, the server is asked.
    private static func delete(_ client: ClientAPI) async throws {
        do {
            guard try await !client.deleteWebhookSecret().success else { return }
        } catch {
            guard error.isWorthRetrying || error.outcome == .refused(status: 404) else { throw error }
            guard try await client.webhookSecretStatus().hasSecret else { return }
            throw error
        }
        throw Failure(.tryLater, "FactPulse did not delete it: try again")
    }
}
