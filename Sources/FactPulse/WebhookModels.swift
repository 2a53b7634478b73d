import Foundation

/// A new webhook secret. It is shown this once.
package struct WebhookSecretGenerateResponse: Sendable, Equatable, Decodable {
    package var success: Bool
    package var webhookSecret: Secret
    package var message: String
    package var createdAt: Date
}

/// Whether a client has a webhook secret, and since when. Never the secret.
package struct WebhookSecretStatusResponse: Sendable, Equatable, Decodable {
    package var hasSecret: Bool
    package var createdAt: Date?
}

/// The answer to deleting a webhook secret.
package struct WebhookSecretDeleteResponse: Sendable, Equatable, Decodable {
    package var success: Bool
    package var message: String
}
