import ArgumentParser

struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "Shows, reveals and deletes the secrets that sign clients' webhooks.",
        discussion: """
            EXAMPLES:
              factpulse-worker webhooks status 0f8fad5b-d9cb-469f-a165-70867728950e
              factpulse-worker webhooks reveal 0f8fad5b-d9cb-469f-a165-70867728950e \\
                  --reason 'set up the receiver'
              factpulse-worker webhooks delete 0f8fad5b-d9cb-469f-a165-70867728950e --yes

            To make secrets: factpulse-worker bulk generate-webhook-secrets FILE. A new
            secret voids the former at once: during a change, let receivers accept both.
            """,
        subcommands: [WebhooksStatus.self, WebhooksReveal.self, WebhooksDelete.self]
    )
}
