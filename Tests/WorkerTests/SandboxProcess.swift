import Foundation
import Sandbox

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A fault file of `factpulse-sandbox`.
struct Faults: Encodable, Sendable {
    var options = SandboxOptions()
    var faults: [FaultRule] = []
    var seed: UInt64 = 1
}

/// A `factpulse-sandbox` that runs as a process of its own.
struct SandboxProcess: Sendable {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    let url: String
    let program: RunningProgram

    var port: Int { URLComponents(string: url)?.port ?? 0 }

    /// Starts one, and returns when it takes requests.
    /// - Parameter port: 0: any free one.
    static func start(_ faults: Faults, port: Int = 0, in programs: Programs) async throws -> SandboxProcess {
        let settings = String(decoding: try JSONEncoder().encode(faults), as: UTF8.self)
        let file = try programs.write(settings, to: "faults-\(UUID().uuidString).json")
        let program = try programs.start("factpulse-sandbox", ["--port", "\(port)", "--faults", file])
        let words = "listening on "
        let line = try await eventually("the sandbox tells its address", else: program.tail) {
            try program.stdout().split(separator: "\n").first { $0.contains(words) }
        }
        return SandboxProcess(
            url: String(line[(line.range(of: words)?.upperBound ?? line.endIndex)...]),
            program: program
        )
    }

    /// What was asked of it and what it did, in its own words.
    func ledger() async throws -> LedgerReport {
        try JSONDecoder().decode(LedgerReport.self, from: try await request("GET", "ledger"))
    }

    /// Every request, in the order of arrival.
    func requests() async throws -> [SandboxRequest] {
        try JSONDecoder().decode([SandboxRequest].self, from: try await request("GET", "ledger/requests"))
    }

    /// Every client, in the order of creation.
    func clients() async throws -> [SandboxClient] {
        try JSONDecoder().decode([SandboxClient].self, from: try await request("GET", "ledger/clients"))
    }

    /// Makes numbered clients, each with a SIRET of its own: `SandboxWorld.siret(1)` and so on.
    /// - Parameter pdpEvery: Each n-th of them gets a PDP configuration; 0: none.
    /// - Returns: their uids, in order.
    /// - Parameters:
    ///   - pdpEvery: Each n-th of them gets a PDP configuration; 0: none.
    ///   - key: In base64: those are in double mode under it.
    @discardableResult
    func seedClients(_ count: Int, pdpEvery: Int = 0, key: String? = nil) async throws -> [String] {
        struct Seeded: Decodable { let uids: [String] }
        struct Seeds: Encodable {
            let count: Int
            let pdpEvery: Int
            let key: String?
        }
        let seeds = Seeds(count: count, pdpEvery: pdpEvery, key: key)
        let answer = try await request("POST", "clients", JSONEncoder().encode(seeds))
        return try JSONDecoder().decode(Seeded.self, from: answer).uids
    }

    /// Whether this key, in base64, opens the client's PDP secret.
    func opens(_ uid: String, key: String) async throws -> Bool {
        struct Opening: Decodable { let pdp: Bool }
        let answer = try await request("POST", "opens", JSONEncoder().encode(["uid": uid, "key": key]))
        return try JSONDecoder().decode(Opening.self, from: answer).pdp
    }

    /// What signs a client's webhooks.
    func webhookSecret(_ uid: String) async throws -> String? {
        let answer = try await request("GET", "clients/\(uid)/webhook")
        return try JSONDecoder().decode([String: String].self, from: answer)["secret"]
    }

    /// Every secret that was sent or made, where ``SandboxOptions/remembersSecrets`` is on.
    func secrets() async throws -> [String] {
        try JSONDecoder().decode([String].self, from: try await request("GET", "secrets"))
    }

    /// Changes a client as somebody would in the dashboard: see `ClientEdit`.
    func edit(_ uid: String, _ json: String) async throws {
        _ = try await request("PATCH", "clients/\(uid)", Data(json.utf8))
    }

    func removeClient(_ uid: String) async throws {
        _ = try await request("DELETE", "clients/\(uid)")
    }

    /// Replaces the faults in force.
    func setFaults(_ faults: Faults) async throws {
        _ = try await request("PUT", "faults", JSONEncoder().encode(faults))
    }

    private func request(_ method: String, _ path: String, _ body: Data? = nil) async throws -> Data {
        guard let url = URL(string: "\(url)/__sandbox/\(path)") else { throw URLError(.badURL) }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.httpBody = body
        let (data, response) = try await URLSession.shared.data(for: request)
        guard [200, 201].contains((response as? HTTPURLResponse)?.statusCode) else {
            throw URLError(.badServerResponse)
        }
        return data
    }
}
