import Foundation

/// The rotation of a customer's key, and the secrets under it.
extension SandboxWorld {
    /// Re-encrypts the double-mode secrets of the client: all or none, unless it is told to split them.
    func rotate(_ call: Call, _ client: ClientRecord) throws -> Answer {
        var body = try BodyReader(call)
        let oldText = body.requiredText("oldKey", length: 40...Int.max)
        let newText = body.requiredText("newKey", length: 40...Int.max)
        try body.finish()
        remember(oldText, newText)
        let old = try customerKey(oldText, in: ["body", "oldKey"])
        let new = try customerKey(newText, in: ["body", "newKey"])

        var rotation = Rotation(from: old, to: new, server: serverKey)
        try rotation.turn(client.secrets, sparingLast: call.splitsRotation)
        guard rotation.count > 0 else {
            throw notFound("no_double_secret", options.noDoubleSecretText)
        }
        if oldText == newText { try refuseSameKey() }
        let hasWrongKey = !rotation.unopened.isEmpty
        if hasWrongKey, rotation.turned.isEmpty || options.partialRotation == .aborts { throw wrongOldKey() }

        if !rotation.turned.isEmpty {
            var changed = client
            changed.formerSecrets.append(client.secrets)
            changed.secrets = rotation.secrets
            store(changed)
            ledger.changed(call.operation, changed, at: tick())
        }
        return .json(200, rotationBody(rotation))
    }

    private func rotationBody(_ rotation: Rotation) -> RotationBody {
        let chorus = rotation.turned.filter { $0 != "pdp" }.count
        let pdp = rotation.turned.count - chorus
        let count = pdp + (options.chorusCount == .each ? chorus : min(chorus, 1))
        let errors = (rotation.unopened + rotation.spared).map { "\($0): the secret could not be re-encrypted" }
        guard !errors.isEmpty else {
            return RotationBody(success: true, message: "Encryption key rotated", rotatedCount: count)
        }
        return RotationBody(
            success: options.partialSuccess,
            message: "Some secrets could not be re-encrypted",
            rotatedCount: count,
            partialErrors: errors
        )
    }

    private func wrongOldKey() -> Refusal {
        let message = options.wrongOldKeyText
        guard options.wrongOldKey == .unsuccessful else {
            let status = options.wrongOldKey.rawValue
            return Refusal(status, options.wrongOldKeyShape, code: "decryption_failed", message)
        }
        let errors = options.wrongOldKeyNamesErrors ? [message] : nil
        return Refusal(
            .json(200, RotationBody(success: false, message: message, rotatedCount: 0, partialErrors: errors))
        )
    }

    private func refuseSameKey() throws {
        let message = "The new key must differ from the old one"
        switch options.sameKey {
        case .accepted: return
        case .badRequest: throw Refusal(400, .C, code: "same_key", message)
        case .unprocessable:
            throw Refusal(problems: [Problem(location: ["body", "newKey"], message: message, type: "value_error")])
        }
    }

    /// Which secrets a key, in base64, opens. Not a guess: they are decrypted.
    /// - Returns: `nil` when there is no such client. A secret that is not in double mode is opened by no key.
    package func opening(_ uid: UUID, key: String) -> KeyOpening? {
        guard let secrets = records[uid]?.secrets else { return nil }
        let key = CustomerKey(base64: key)
        func opens(_ secret: StoredSecret?) -> Bool {
            guard let secret, let key, secret.mode == .double else { return false }
            return secret.open(key, server: serverKey) != nil
        }
        return KeyOpening(pdp: opens(secrets.pdp), chorus: secrets.chorus.map(opens))
    }

    /// Whether a key, in base64, opens the client's double-encrypted PDP secret.
    package func opens(_ uid: UUID, key: String) -> Bool { opening(uid, key: key)?.pdp ?? false }
}

/// Which of a client's double-encrypted secrets a key opens.
package struct KeyOpening: Sendable, Hashable, Encodable {
    package let pdp: Bool
    /// In the order in which they were added.
    package let chorus: [Bool]
}
