import ArgumentParser
import Foundation
import Jobs
import KeyVault
import Postgres

struct KeysStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how the keys stand: of all clients, or of one.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys status
              factpulse-worker keys status 0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e --json

            Exits with 1 where a rotation waits for a person.
            """
    )

    @Argument(help: "The client's uid. Without it: all clients together.") var uid: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let client = try uid.map(ClientArgument.read)
        let database = try await settings.openDatabase(settings.makeLogger())
        let overview = KeyOverview(database)
        let attempts = try await overview.attempts(of: client, limit: client == nil ? 100 : 20)
        if let client {
            let keys = try await overview.keys(of: client)
            await database.close()
            try show(client, keys, attempts)
        } else {
            let (counts, keks) = (try await overview.counts(), try await overview.keks())
            await database.close()
            try show(counts, keks.map { KEKReport(id: $0.id.text, retired: !$0.isLive, secrets: $0.rows) }, attempts)
        }
        if attempts.contains(where: \.needsPerson) { throw Failure.silent(.troubled) }
    }

    private func show(_ counts: [String: Int], _ keks: [KEKReport], _ attempts: [KeyOverview.Attempt]) throws {
        if output.json {
            return try Output.json(Overall(keys: counts, keks: keks, rotations: attempts.map(AttemptReport.init)))
        }
        let known = ["active", "uncertain", "pending", "retired", "compromised", "destroyed"]
        try Output.print(known.map { "\($0) \(counts[$0, default: 0])" }.joined(separator: " · "))
        for kek in keks {
            try Output.print("KEK \(kek.id): \(kek.retired ? "retired" : kek.secrets.counted("secret"))")
        }
        if attempts.isEmpty { return try Output.print("No rotation is open.") }
        try Output.print("Open rotations:\n" + Self.table(attempts))
        sayCures(attempts)
    }

    private func show(_ client: UUID, _ keys: [StoredSecret], _ attempts: [KeyOverview.Attempt]) throws {
        if output.json {
            return try Output.json(
                One(
                    client: client.lowercased,
                    keys: keys.map(KeyReport.init),
                    rotations: attempts.map(AttemptReport.init)
                )
            )
        }
        if keys.isEmpty { return try Output.print(RotationReport.noKey(client)) }
        var table = TextTable([
            ("version", .right), ("state", .left), ("fingerprint", .left), ("created", .left), ("active since", .left),
            ("escrowed", .left),
        ])
        for key in keys {
            table.add(
                "\(key.name.version)",
                key.state.rawValue,
                key.fingerprint.text,
                key.createdAt.spoken,
                key.activatedAt?.spoken ?? "",
                key.isEscrowed ? "yes" : "no"
            )
        }
        try Output.print(table.text)
        if !attempts.isEmpty { try Output.print("Rotations, the newest first:\n" + Self.table(attempts)) }
        sayCures(attempts)
    }

    /// What to do about the rotations that wait for a person.
    private func sayCures(_ attempts: [KeyOverview.Attempt]) {
        for attempt in attempts {
            guard let cure = attempt.cure else { continue }
            Messages.write("client \(attempt.client.lowercased), \(attempt.state): every key is kept. \(cure)")
        }
    }

    private static func table(_ attempts: [KeyOverview.Attempt]) -> String {
        var table = TextTable([
            ("id", .right), ("client", .left), ("state", .left), ("keys", .left), ("since", .left),
            ("last answer", .left),
        ])
        for attempt in attempts {
            table.add(
                "\(attempt.id)",
                attempt.client.lowercased,
                attempt.state,
                "\(attempt.from) -> \(attempt.to)",
                attempt.startedAt.spoken,
                attempt.reason ?? ""
            )
        }
        return table.text
    }

    private struct Overall: Encodable {
        let schemaVersion = 1
        let keys: [String: Int]
        let keks: [KEKReport]
        let rotations: [AttemptReport]
    }

    private struct KEKReport: Encodable {
        let id: String
        let retired: Bool
        let secrets: Int
    }

    private struct One: Encodable {
        let schemaVersion = 1
        let client: String
        let keys: [KeyReport]
        let rotations: [AttemptReport]
    }

    private struct KeyReport: Encodable {
        let version: Int
        let state, fingerprint: String
        let escrowed: Bool
        let createdAt: Date
        let activatedAt, retiredAt: Date?

        init(_ key: StoredSecret) {
            version = key.name.version
            state = key.state.rawValue
            fingerprint = key.fingerprint.text
            escrowed = key.isEscrowed
            createdAt = key.createdAt
            activatedAt = key.activatedAt
            retiredAt = key.retiredAt
        }
    }

    private struct AttemptReport: Encodable {
        let id: Int64
        let client, state: String
        let fromVersion, toVersion: Int
        let startedAt: Date
        let endedAt: Date?
        let reason: String?
        let needsPerson: Bool
        /// What to do about it, where it needs a person.
        let next: String?

        init(_ attempt: KeyOverview.Attempt) {
            id = attempt.id
            client = attempt.client.lowercased
            state = attempt.state
            fromVersion = attempt.from
            toVersion = attempt.to
            startedAt = attempt.startedAt
            endedAt = attempt.endedAt
            reason = attempt.reason
            needsPerson = attempt.needsPerson
            next = attempt.cure
        }
    }
}

extension KeyOverview.Attempt {
    fileprivate var cure: String? { RotationEnd(rawValue: state).flatMap { RotationReport.cure($0, client) } }
}
