import Foundation

/// What can be done with one client. Every call uses a token of that client's scope.
///
/// All throw ``FactPulseError``: `.uncertain` means that the call may have taken effect, every other outcome that it has
/// not. Where the same call may simply be made again, ``FactPulseError/isWorthRetrying`` says so.
package struct ClientAPI: Sendable {
    let session: Session
    package let uid: ClientUID
    let check: Departure.Check?

    /// Gets the right to send one request for this client now, see ``Admission``.
    package func admit() async throws(FactPulseError) -> Admission {
        try await session.admit(.getClient, .client(uid))
    }

    package func get() async throws(FactPulseError) -> ClientDetail {
        try await call(.getClient)
    }

    /// Changes the members that the request names.
    package func update(
        _ request: ClientUpdateRequest,
        admission: Admission? = nil
    ) async throws(FactPulseError) -> ClientDetail {
        try await call(.updateClient, body: request, admission: admission)
    }

    package func activate(admission: Admission? = nil) async throws(FactPulseError) -> ClientActivateResponse {
        try await call(.activateClient, admission: admission)
    }

    package func deactivate(admission: Admission? = nil) async throws(FactPulseError) -> ClientActivateResponse {
        try await call(.deactivateClient, admission: admission)
    }

    /// The PDP configuration, also when there is none: then `isConfigured` is `false`.
    package func pdpConfig() async throws(FactPulseError) -> PDPConfigResponse {
        try await call(.getPDPConfig)
    }

    /// Writes the whole PDP configuration.
    /// - Parameter encryptionKey: The customer's key, needed in `double` mode and only there. It must be safe on disk
    ///   before this is called: the server does not keep it.
    package func updatePDPConfig(
        _ request: PDPConfigUpdateRequest,
        encryptionKey: EncryptionKey? = nil,
        admission: Admission? = nil
    ) async throws(FactPulseError) -> PDPConfigResponse {
        var call = Call(operation: .updatePDPConfig, scope: .client(uid), body: request.body)
        call.encryptionKey = encryptionKey
        call.secrets = [request.clientSecret]
        let scrubber = Scrubber(call.secrets + [encryptionKey?.base64].compactMap { $0 })
        return try await session.call(call, admission: admission, check: check) { body in
            try JSON.decode(PDPConfigResponse.self, from: body).scrubbed(by: scrubber)
        }
    }

    /// Re-encrypts every secret of the client that is in double mode under a new key.
    ///
    /// The server forgets `old` as it answers, so `new` must be safe on disk before this is called. A result is not a
    /// success by itself: look at ``KeyRotationResponse/isComplete``, and keep both keys when it is `false`.
    /// - Throws: `.uncertain`: either key may be the live one. `.refused(404)` is also said when the client has no
    ///   secret in double mode.
    package func rotateEncryptionKey(
        from old: EncryptionKey,
        to new: EncryptionKey,
        admission: Admission? = nil
    ) async throws(FactPulseError) -> KeyRotationResponse {
        let keys = ["oldKey": old.base64, "newKey": new.base64]
        var call = Call(operation: .rotateEncryptionKey, scope: .client(uid), body: keys.mapValues(\.reveal))
        call.secrets = Array(keys.values)
        let scrubber = Scrubber(call.secrets)
        return try await session.call(call, admission: admission, check: check) { body in
            try JSON.decode(KeyRotationResponse.self, from: body).scrubbed(by: scrubber)
        }
    }

    /// Makes a new webhook secret; the former is void at once. The value is shown only here: after `.uncertain`, compare
    /// `createdAt` of ``webhookSecretStatus()`` with the one before, and generate again if it moved.
    package func generateWebhookSecret(
        admission: Admission? = nil
    ) async throws(FactPulseError) -> WebhookSecretGenerateResponse {
        let call = Call(operation: .generateWebhookSecret, scope: .client(uid))
        return try await session.call(call, admission: admission, check: check) { body in
            var answer = try JSON.decode(WebhookSecretGenerateResponse.self, from: body)
            answer.message = Scrubber([answer.webhookSecret]).clean(answer.message)
            return answer
        }
    }

    package func webhookSecretStatus() async throws(FactPulseError) -> WebhookSecretStatusResponse {
        try await call(.getWebhookSecretStatus)
    }

    /// Deletes the webhook secret: from then on the server signs with its own key, which we cannot check.
    package func deleteWebhookSecret(
        admission: Admission? = nil
    ) async throws(FactPulseError) -> WebhookSecretDeleteResponse {
        let call = Call(operation: .deleteWebhookSecret, scope: .client(uid))
        return try await session.call(call, admission: admission, check: check) { body in
            // An empty 204 is the usual answer to a DELETE, and tells all there is to know.
            body.isEmpty
                ? WebhookSecretDeleteResponse(success: true, message: "")
                : try JSON.decode(WebhookSecretDeleteResponse.self, from: body)
        }
    }

    private func call<Answer: Decodable & Sendable>(
        _ operation: Operation,
        body: (any Encodable & Sendable)? = nil,
        admission: Admission? = nil
    ) async throws(FactPulseError) -> Answer {
        let call = Call(operation: operation, scope: .client(uid), body: body)
        return try await session.call(call, admission: admission, check: check) { body in
            try JSON.decode(Answer.self, from: body)
        }
    }
}
