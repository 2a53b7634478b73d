import ArgumentParser
import FactPulse
import Foundation
import Jobs
import KeyVault
import Postgres

struct WebhooksStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows whether clients have a webhook secret, at FactPulse and here.",
        discussion: """
            EXAMPLES:
              factpulse-worker webhooks status 0f8fad5b-d9cb-469f-a165-70867728950e
              factpulse-worker webhooks status 0f8fad5b-d9cb-469f-a165-70867728950e --json
            """
    )

    @Argument(help: "The clients' uids.") var clients: [String]
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if clients.isEmpty { throw ValidationError("Name at least one client by its uid.") }
    }

    func run() async throws {
        let clients = try clients.map { try WebhookClient($0) }
        let settings = try common.settings()
        let logger = settings.makeLogger()
        let database = try await settings.openDatabase(logger)
        let secrets = WebhookSecrets(database)
        var reports: [Report] = []
        try await settings.withAPI(logger: logger) { api in
            for client in clients {
                let status = try await api.client(client.uid).webhookSecretStatus()
                reports.append(Report(client.uid, status, try await secrets.kept(of: client.uuid)))
            }
        }
        await database.close()
        if output.json { return try Output.json(Answer(clients: reports)) }
        var table = TextTable([("client", .left), ("FactPulse has one since", .left), ("here", .left)])
        for report in reports {
            let since = report.hasSecret ? report.createdAt?.spoken ?? "unknown" : "has none"
            table.add(report.client, since, report.kept)
        }
        try Output.print(table.text)
    }

    private struct Answer: Encodable {
        let schemaVersion = 1
        let clients: [Report]
    }

    private struct Report: Encodable {
        let client: String
        let hasSecret: Bool
        let createdAt: Date?
        let version: Int?
        let state: String?
        let fingerprint: String?

        init(_ client: ClientUID, _ status: WebhookSecretStatusResponse, _ kept: StoredSecret?) {
            self.client = client.text
            hasSecret = status.hasSecret
            createdAt = status.createdAt
            version = kept?.name.version
            state = kept?.state.rawValue
            fingerprint = kept.map { "\($0.fingerprint)" }
        }

        var kept: String {
            guard let version, let state, let fingerprint else { return "none" }
            return "version \(version), \(state), \(fingerprint)"
        }
    }
}
