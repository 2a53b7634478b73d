import Foundation
import HTTPTypes

/// The routes under `/__sandbox/`: how a test in another process seeds, watches and torments the sandbox.
/// No token is asked for, which is why the sandbox binds loopback only.
struct Admin {
    let world: SandboxWorld

    func answer(_ method: HTTPRequest.Method, _ path: [String], query: [String: String], body: Data) async -> Answer {
        do {
            return try await route(method, path, query, body)
        } catch let refusal as Refusal {
            return refusal.answer
        } catch {
            return Refusal(400, "\(error)").answer
        }
    }

    private func route(
        _ method: HTTPRequest.Method,
        _ path: [String],
        _ query: [String: String],
        _ body: Data
    ) async throws -> Answer {
        let done: JSONValue = ["ok": true]
        switch (method, path.first, path.dropFirst().first) {
        case (.get, "health", nil):
            return .json(200, done)
        case (.get, "ledger", nil):
            let since = query["since"].flatMap(Int.init) ?? 0
            return .json(200, await world.report(since: since, limit: query["limit"].flatMap(Int.init) ?? .max))
        case (.get, "ledger", "clients"):
            return .json(200, await world.clients())
        case (.get, "faults", nil):
            return .json(200, await world.currentSettings)
        case (.put, "faults", nil):
            try await world.apply(json: body)
            return .json(200, await world.currentSettings)
        case (.delete, "faults", nil):
            try await world.setFaults([])
            return .json(200, done)
        case (.post, "reset", nil):
            await world.reset()
            return .json(200, done)
        case (.post, "expire-tokens", nil):
            await world.expireTokens()
            return .json(200, done)
        case (.post, "opens", nil):
            let request = try JSONDecoder().decode(KeyQuestion.self, from: body)
            return .json(200, ["opens": .bool(await world.opens(request.uid, key: request.key))] as JSONValue)
        case (.post, "clients", nil):
            return .json(201, ["uids": try await seed(body)])
        case (.delete, "clients", let uid?):
            guard let uid = UUID(uuidString: uid), await world.removeClient(uid) else {
                throw Refusal.clientNotFound
            }
            return .json(200, done)
        case (.post, "clients", let uid?) where path.last == "chorus":
            let request = try JSONDecoder().decode(ChorusSecret.self, from: body)
            guard let uid = UUID(uuidString: uid),
                try await world.setChorusSecret(request.secret, key: request.key, of: uid)
            else { throw SandboxError.badConfiguration("no such client, or the key is not 32 bytes in base64") }
            return .json(200, done)
        default:
            return Refusal(404, "The sandbox has no such admin route").answer
        }
    }

    private struct KeyQuestion: Decodable {
        let uid: UUID
        let key: String
    }

    private struct ChorusSecret: Decodable {
        let secret: String
        let key: String
    }

    private struct Seeds: Decodable {
        struct Client: Decodable {
            let name: String
            let siret: String?
            let description: String?
            let isActive: Bool?
        }

        let count: Int?
        let clients: [Client]?
    }

    /// Body: `{"count": n}` or `{"clients": [{"name": …, "siret"?, "description"?, "isActive"?}]}`.
    private func seed(_ body: Data) async throws -> [String] {
        let seeds = try JSONDecoder().decode(Seeds.self, from: body)
        let given = (seeds.clients ?? []).map {
            SandboxClient(name: $0.name, siret: $0.siret, description: $0.description, isActive: $0.isActive ?? true)
        }
        let uids = await world.seedClients(given) + world.seedClients(seeds.count ?? 0)
        return uids.map { $0.uuidString.lowercased() }
    }
}
