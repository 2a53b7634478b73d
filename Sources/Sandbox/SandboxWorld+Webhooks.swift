import Foundation

/// The webhook secret: shown once, then only whether it exists.
extension SandboxWorld {
    func generateWebhookSecret(_ call: Call, _ client: ClientRecord) -> Answer {
        let now = tick()
        let secret = newWebhookSecret(at: now)
        var changed = client
        changed.webhook = secret
        store(changed)
        ledger.changed(call.operation, changed, at: now)
        let message = "Save this secret now: it is not shown again"
        return .json(
            200,
            WebhookSecretBody(
                success: true,
                webhookSecret: secret.value,
                message: message,
                createdAt: now.text(options.dates)
            )
        )
    }

    func newWebhookSecret(at time: Timestamp) -> ClientRecord.WebhookSecret {
        // The system's generator: a secret must not follow from the seed.
        let value = (0..<32).map { _ in UInt8.random(in: .min ... .max) }.hexadecimal
        remember(value)
        return .init(value: value, createdAt: time)
    }

    func webhookSecretStatus(_ client: ClientRecord) -> Answer {
        .json(
            200,
            WebhookSecretStatusBody(
                hasSecret: client.webhook != nil,
                createdAt: client.webhook?.createdAt.text(options.dates)
            )
        )
    }

    func deleteWebhookSecret(_ call: Call, _ client: ClientRecord) throws -> Answer {
        if client.webhook == nil, options.absentWebhookSecret == .notFound {
            throw Refusal(404, "This client has no webhook secret")
        }
        var changed = client
        changed.webhook = nil
        store(changed)
        ledger.changed(call.operation, changed, at: tick())
        return .json(200, WebhookSecretDeletedBody(success: true, message: "Webhook secret deleted"))
    }

    /// What signs a client's webhooks, for a test that compares.
    package func webhookSecret(of uid: UUID) -> String? { records[uid]?.webhook?.value }
}
