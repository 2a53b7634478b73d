import ArgumentParser
import Foundation
import KeyVault
import Postgres

struct KeysPlan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows whose keys are due for rotation, and what that would cost. Changes nothing.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys plan
              factpulse-worker keys plan --every 30 --json
            """
    )

    @OptionGroup var due: DueOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let keys = try await KeyOverview.due(every: due.interval, limit: due.limit, in: database)
        await database.close()
        // Three requests each: the client, its configuration, the rotation.
        let requests = keys.count * 3
        if output.json { return try Output.json(Report(due: keys.map(Due.init), requests: requests)) }
        guard !keys.isEmpty else { return try Output.print("No key is due.") }
        var table = TextTable([("client", .left), ("version", .right), ("fingerprint", .left), ("due since", .left)])
        for key in keys { table.add(key.client.lowercased, "\(key.version)", key.fingerprint.text, key.dueAt.spoken) }
        try Output.print(table.text)
        let seconds = settings.rateLimit > 0 ? Double(requests) / settings.rateLimit : 0
        Messages.write(
            "\(keys.count) keys, \(requests) requests, at least \(Int(seconds.rounded(.up))) s at the rate limit"
        )
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let due: [Due]
        let requests: Int
    }

    private struct Due: Encodable {
        let client: String
        let version: Int
        let fingerprint: String
        let dueAt: Date

        init(_ key: KeyOverview.DueKey) {
            client = key.client.lowercased
            version = key.version
            fingerprint = key.fingerprint.text
            dueAt = key.dueAt
        }
    }
}

/// Which keys are due.
struct DueOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How old a key may become, give or take a tenth.", valueName: "days")) var every = 90
    @Option(help: "At most so many clients, the most overdue first.") var limit = 1_000

    func validate() throws {
        if !(1...3_650).contains(every) { throw ValidationError("--every is a number of days from 1 to 3650.") }
        if !(1...100_000).contains(limit) { throw ValidationError("--limit is a number from 1 to 100000.") }
    }

    var interval: Duration { .seconds(every * 86_400) }
}
