import ArgumentParser
import Jobs
import Postgres

struct BulkRunsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists runs, the newest first.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs list
              factpulse-worker bulk-runs list --limit 5 --json
            """
    )

    @Option(help: "At most so many.") var limit = 20
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !(1...10_000).contains(limit) { throw ValidationError("--limit is a number from 1 to 10000.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let store = BulkStore(database)
        var answers: [RunAnswer] = []
        for run in try await store.runs(limit: limit) {
            answers.append(RunAnswer(run, try await store.counts(of: run.id)))
        }
        await database.close()
        if output.json { return try Output.json(Report(runs: answers)) }
        try Output.print(Self.table(answers))
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let runs: [RunAnswer]
    }

    private static func table(_ answers: [RunAnswer]) -> String {
        var table = TextTable([
            ("run", .right), ("state", .left), ("rows", .right), ("open", .right), ("troubled", .right),
            ("file", .left),
            ("imported", .left),
        ])
        for answer in answers {
            guard let run = answer.run else { continue }
            table.add(
                "\(run.id)",
                run.state.rawValue,
                answer.counts.rows.grouped,
                answer.counts.open.grouped,
                answer.counts.troubled.grouped,
                run.fileName,
                run.createdAt.spoken
            )
        }
        return table.isEmpty ? "No runs. Start one: factpulse-worker bulk create-clients FILE" : table.text
    }
}
