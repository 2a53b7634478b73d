import Foundation
import HTTPTypes

extension HTTPField.Name {
    static let apiKey = Self("X-API-Key")!
    static let encryptionKey = Self("X-Encryption-Key")!
}

/// Who may do what: the two token routes and the check before every other operation.
extension SandboxWorld {
    enum Caller: Equatable {
        case account
        case client(uid: String)
        case apiKey
    }

    /// Refuses in the order 401, malformed uid 422, wrong scope 403, unknown client 404.
    func answer(_ call: Call) throws -> Answer {
        switch call.operation {
        case .token: return try issueToken(call)
        case .refreshToken: return try refreshToken(call)
        default: break
        }
        let caller = try caller(call)
        if call.operation == .me { return me(caller) }
        guard let text = call.uid else {
            if case .client = caller { throw wrongScope("This operation needs an account-level token") }
            return call.operation == .createClient ? try createClient(call) : try listClients(call)
        }
        guard let uid = UUID(uuidString: text) else {
            let message = "Input should be a valid UUID"
            throw Refusal(problems: [Problem(location: ["path", "uid"], message: message, type: "uuid_parsing")])
        }
        try checkScope(caller, of: uid)
        guard let client = records[uid] else { throw notFound("client_not_found", options.clientNotFoundText) }
        if !client.isActive, options.inactiveClient == .forbidden, call.operation != .activateClient {
            throw Refusal(403, "This client is deactivated")
        }
        return try answer(call, client)
    }

    private func answer(_ call: Call, _ client: ClientRecord) throws -> Answer {
        switch call.operation {
        case .getClient: .json(200, ClientBody(client, options.dates))
        case .updateClient: try updateClient(call, client)
        case .activateClient: try setActive(true, call, client)
        case .deactivateClient: try setActive(false, call, client)
        case .getPDPConfig: .json(200, pdpConfigBody(client))
        case .updatePDPConfig: try updatePDPConfig(call, client)
        case .rotateEncryptionKey: try rotate(call, client)
        case .generateWebhookSecret: generateWebhookSecret(call, client)
        case .getWebhookSecretStatus: webhookSecretStatus(client)
        case .deleteWebhookSecret: try deleteWebhookSecret(call, client)
        case .listClients, .createClient, .token, .refreshToken, .me:
            preconditionFailure("\(call.operation) is not an operation on one client")
        }
    }

    private func caller(_ call: Call) throws -> Caller {
        if let key = call.headers[.apiKey], !options.apiKey.isEmpty {
            guard key == options.apiKey else { throw Refusal(401, "Invalid API key") }
            return .apiKey
        }
        guard let header = call.headers[.authorization], header.lowercased().hasPrefix("bearer ") else {
            throw Refusal(options.missingCredentials.rawValue, "Not authenticated")
        }
        guard let claims = mint.read(String(header.dropFirst(7)), "access"), claims.generation == tokenGeneration else {
            throw Refusal(401, "Token expired or invalid")
        }
        return claims.client_uid.map { .client(uid: $0) } ?? .account
    }

    private func checkScope(_ caller: Caller, of uid: UUID) throws {
        switch caller {
        case .apiKey: return
        case .client(let own):
            if UUID(uuidString: own) != uid { throw wrongScope("The token belongs to another client") }
        case .account:
            switch options.accountToken {
            case .accepted: return
            case .forbidden: throw wrongScope("This operation needs a client-level token")
            case .badRequest: throw Refusal(400, .C, code: "NO_CLIENT_UID", "The token has no client_uid")
            }
        }
    }

    func notFound(_ code: String, _ message: String) -> Refusal {
        Refusal(404, options.notFoundShape, code: code, message)
    }

    private func wrongScope(_ message: String) -> Refusal {
        Refusal(403, options.wrongScopeShape, code: "ACCESS_DENIED", message)
    }

    private func me(_ caller: Caller) -> Answer {
        var uid = JSONValue.null
        if case .client(let own) = caller { uid = .string(own) }
        return .json(
            200,
            ["id": 1, "username": .string(email), "email": .string(email), "client_uid": uid] as JSONValue
        )
    }

    // MARK: Tokens

    private static let badCredentials = "No active account found with the given credentials"

    private func issueToken(_ call: Call) throws -> Answer {
        let body = try tokenBody(call, requires: ["username", "password"])
        guard body["username"]?.text == email, body["password"]?.text == password else {
            throw Refusal(options.badLogin.rawValue, Self.badCredentials)
        }
        var clientUID: String?
        if let given = body["client_uid"], given != .null, given != "" {
            guard let client = given.text.flatMap(UUID.init(uuidString:)).flatMap({ records[$0] }) else {
                throw unknownClient()
            }
            if !client.isActive, options.inactiveClientToken == .forbidden {
                throw Refusal(403, "This client is deactivated")
            }
            clientUID = client.uidText
        }
        return .json(200, try tokens(clientUID, withRefresh: true))
    }

    private func unknownClient() -> Refusal {
        switch options.unknownClientToken {
        case .notFound: notFound("client_not_found", options.clientNotFoundText)
        // To the letter what a wrong password gets.
        case .unauthorized: Refusal(401, Self.badCredentials)
        }
    }

    private func refreshToken(_ call: Call) throws -> Answer {
        let body = try tokenBody(call, requires: ["refresh"])
        guard let claims = mint.read(body["refresh"]?.text ?? "", "refresh") else {
            let refusal: JSONValue = ["detail": "Token is invalid or expired", "code": "token_not_valid"]
            throw Refusal(.json(401, refusal))
        }
        return .json(200, try tokens(claims.client_uid, withRefresh: options.renewsRefreshToken))
    }

    private func tokens(_ clientUID: String?, withRefresh: Bool) throws -> JSONValue {
        func issue(_ type: String, _ lifetime: Int) throws -> JSONValue {
            let token = try mint.issue(type, lifetime: lifetime, generation: tokenGeneration, clientUID: clientUID)
            remember(token)
            return .string(token)
        }
        var answer = ["access": try issue("access", options.accessLifetime)]
        if withRefresh { answer["refresh"] = try issue("refresh", options.refreshLifetime) }
        if options.showsAccessLifetime { answer["access_lifetime"] = .number(Double(options.accessLifetime)) }
        return .object(answer)
    }

    private func tokenBody(_ call: Call, requires names: [String]) throws -> JSONValue {
        guard call.hasJSONType else {
            throw Refusal(415, "Unsupported media type \"\(call.headers[.contentType] ?? "")\" in request.")
        }
        guard let body = try? JSONDecoder().decode(JSONValue.self, from: call.body), body.members != nil else {
            throw Refusal(400, "JSON parse error")
        }
        remember(body["password"]?.text, body["refresh"]?.text)
        let missing = names.filter { (body[$0]?.text ?? "").isEmpty }
        if !missing.isEmpty {
            let fields = missing.map { ($0, ["This field is required."] as JSONValue) }
            throw Refusal(.json(400, JSONValue.object(Dictionary(uniqueKeysWithValues: fields))))
        }
        return body
    }
}
