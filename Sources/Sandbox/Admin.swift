import Foundation
import HTTPTypes

/// The routes under `/__sandbox/`: how a test in another process seeds, watches and torments the sandbox.
/// No token is asked for, which is why the sandbox binds loopback only. `factpulse-sandbox --help` names them all.
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
        let since = query["since"].flatMap(Int.init) ?? 0
        let limit = query["limit"].flatMap(Int.init) ?? .max
        switch (method, path.first, path.dropFirst().first) {
        case (.get, "health", nil): return done
        case (.get, "ledger", nil): return .json(200, await world.report(since: since, limit: limit))
        case (.get, "ledger", "clients"): return .json(200, await world.clients())
        case (.get, "ledger", "requests"): return .json(200, await world.requests(since: since, limit: limit))
        case (.get, "secrets", nil): return .json(200, await world.secrets.sorted())
        case (.get, "faults", nil): return .json(200, await world.currentSettings)
        case (.put, "faults", nil):
            try await world.apply(json: body)
            return .json(200, await world.currentSettings)
        case (.delete, "faults", nil): try await world.setFaults([])
        case (.post, "reset", nil): await world.reset()
        case (.post, "expire-tokens", nil): await world.expireTokens()
        case (.post, "opens", nil):
            let question = try JSONDecoder().decode(KeyQuestion.self, from: body)
            return .json(200, try found(await world.opening(question.uid, key: question.key)))
        case (.post, "clients", nil): return .json(201, ["uids": try await seed(body)])
        case (_, "clients", let uid?):
            guard let uid = UUID(uuidString: uid) else { throw noRoute }
            return try await client(uid, method, path.count > 2 ? path[2] : nil, body)
        default: throw noRoute
        }
        return done
    }

    private func client(_ uid: UUID, _ method: HTTPRequest.Method, _ what: String?, _ body: Data) async throws -> Answer
    {
        switch (method, what) {
        case (.delete, nil): try require(await world.removeClient(uid))
        case (.get, "webhook"): return .json(200, ["secret": try found(await world.webhookSecret(of: uid))])
        case (.patch, nil): try await world.edit(uid, JSONDecoder().decode(JSONValue.self, from: body))
        case (.post, "chorus"):
            let given = try JSONDecoder().decode(ChorusSecret.self, from: body)
            try require(try await world.addChorusSecret(given.secret, key: given.key, of: uid))
        case (.post, "rekey"):
            let keys = try JSONDecoder().decode(KeyPair.self, from: body)
            return .json(200, ["rekeyed": try found(await world.rekey(uid, from: keys.from, to: keys.to))])
        case (.post, "restore"):
            let given = try JSONDecoder().decode(Restoration.self, from: body)
            try require(await world.restoreSecrets(of: uid, steps: given.steps ?? 1))
        default: throw noRoute
        }
        return done
    }

    private let done = Answer.json(200, ["ok": true] as JSONValue)
    private let noRoute = Refusal(404, "The sandbox has no such admin route")

    private func require(_ isDone: Bool) throws {
        if !isDone { throw Refusal(404, "There is no such client or secret") }
    }

    private func found<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw Refusal(404, "There is no such client") }
        return value
    }

    private struct KeyQuestion: Decodable {
        let uid: UUID
        let key: String
    }

    private struct KeyPair: Decodable {
        let from: String
        let to: String
    }

    private struct Restoration: Decodable {
        let steps: Int?
    }

    private struct ChorusSecret: Decodable {
        let secret: String
        let key: String
    }

    private struct Seeds: Decodable {
        struct Client: Decodable {
            let uid: String?
            let name: String
            let siret: String?
            let description: String?
            let isActive: Bool?
        }

        let count: Int?
        let clients: [Client]?
        /// Each n-th of them gets a PDP configuration.
        let pdpEvery: Int?
        /// The key of those configurations, for double mode.
        let key: String?
    }

    /// Body: `{"count": n}` or `{"clients": [{"name": …, "uid"?, "siret"?, "description"?, "isActive"?}]}`, and
    /// `"pdpEvery"?`, `"key"?`.
    private func seed(_ body: Data) async throws -> [String] {
        let seeds = try JSONDecoder().decode(Seeds.self, from: body)
        let given = (seeds.clients ?? []).map {
            SandboxClient(
                uid: $0.uid ?? "",
                name: $0.name,
                siret: $0.siret,
                description: $0.description,
                isActive: $0.isActive ?? true
            )
        }
        if let key = seeds.key { _ = try SandboxWorld.usableKey(key) }
        let uids = await world.seedClients(given) + world.seedClients(seeds.count ?? 0)
        if let every = seeds.pdpEvery, every > 0 {
            let chosen = stride(from: every - 1, to: uids.count, by: every).map { uids[$0] }
            try await world.configurePDP(chosen, key: seeds.key)
        }
        return uids.map { $0.uuidString.lowercased() }
    }
}
