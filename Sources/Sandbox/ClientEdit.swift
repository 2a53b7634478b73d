import Foundation

/// A change of a client as somebody would make it in the dashboard: `PATCH /__sandbox/clients/UID`.
///
/// `name`, `siret`, `description`, `isActive`; `pdp`: `null` takes the configuration away, an object changes its members
/// `isActive modeSandbox isMock secretStatus lastTestAt lastTestSuccess lastTestError` (an absent configuration is made
/// first, in double mode when `key` is given); `webhook`: `null` deletes the secret, an object makes one, its
/// `createdAt` now unless it says when.
struct ClientEdit {
    let json: JSONValue

    /// - Throws: ``SandboxError/badConfiguration(_:)`` for a member that is unknown or of the wrong type.
    func apply(to client: inout ClientRecord, in world: isolated SandboxWorld) throws {
        guard let members = json.members, !members.isEmpty else { throw unusable("(not an object)") }
        for (name, value) in members {
            switch name {
            case "name": client.name = try text(name, value)
            case "siret": client.siret = try optionalText(name, value)
            case "description": client.description = try optionalText(name, value)
            case "isActive": client.isActive = try flag(name, value)
            case "pdp": try edit(&client.pdp, value, in: world)
            case "webhook": client.webhook = try webhook(value, in: world)
            default: throw unusable(name)
            }
        }
        if members.keys.contains(where: { !["pdp", "webhook"].contains($0) }) { client.updatedAt = world.tick() }
    }

    private func edit(
        _ config: inout ClientRecord.PDPConfig?,
        _ json: JSONValue,
        in world: isolated SandboxWorld
    ) throws {
        guard json != .null else { return config = nil }
        guard let members = json.members else { throw unusable("pdp") }
        let key = try members["key"].map { try SandboxWorld.usableKey(try text("key", $0)) }
        var changed = try config ?? world.newConfig(key: key)
        for (name, value) in members {
            switch name {
            case "key" where config == nil: break
            case "isActive": changed.isActive = try flag(name, value)
            case "modeSandbox": changed.modeSandbox = try flag(name, value)
            case "isMock": changed.isMock = try flag(name, value)
            case "secretStatus": changed.secretStatus = try text(name, value)
            case "lastTestAt": changed.lastTestAt = try value == .null ? nil : time(name, value)
            case "lastTestSuccess": changed.lastTestSuccess = try value == .null ? nil : flag(name, value)
            case "lastTestError": changed.lastTestError = try optionalText(name, value)
            default: throw unusable("pdp.\(name)")
            }
        }
        // A test of the connection is no change of the configuration.
        if members.keys.contains(where: { !$0.hasPrefix("lastTest") }) { changed.updatedAt = world.tick() }
        config = changed
    }

    private func webhook(_ json: JSONValue, in world: isolated SandboxWorld) throws -> ClientRecord.WebhookSecret? {
        guard json != .null else { return nil }
        guard let members = json.members, members.keys.allSatisfy({ $0 == "createdAt" }) else {
            throw unusable("webhook")
        }
        return world.newWebhookSecret(at: try members["createdAt"].map { try time("createdAt", $0) } ?? world.tick())
    }

    private func text(_ name: String, _ value: JSONValue) throws -> String {
        guard let text = value.text else { throw unusable(name) }
        return text
    }

    private func optionalText(_ name: String, _ value: JSONValue) throws -> String? {
        try value == .null ? nil : text(name, value)
    }

    private func flag(_ name: String, _ value: JSONValue) throws -> Bool {
        guard let flag = value.flag else { throw unusable(name) }
        return flag
    }

    private func time(_ name: String, _ value: JSONValue) throws -> Timestamp {
        guard let time = value.text.flatMap(Timestamp.init) else { throw unusable(name) }
        return time
    }

    private func unusable(_ name: String) -> SandboxError {
        .badConfiguration("an edit of a client has no member \"\(name)\", or not with that value")
    }
}

extension SandboxWorld {
    /// - Throws: ``Refusal`` 404 when there is no such client, ``SandboxError``; nothing has then changed.
    package func edit(_ uid: UUID, _ json: JSONValue) throws {
        guard var client = records[uid] else { throw Refusal(404, "There is no such client") }
        try ClientEdit(json: json).apply(to: &client, in: self)
        store(client)
    }
}
