import ArgumentParser
import FactPulse
import Jobs
import Postgres

struct BulkRunsResolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Decides about a row that needs review.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs resolve 12 7 \\
                  --client 0f8fad5b-d9cb-469f-a165-70867728950e
              factpulse-worker bulk-runs resolve 12 7 --send
              factpulse-worker bulk-runs resolve 12 7 --skip

            See the candidates first: factpulse-worker bulk-runs rows 12 --state
            needs_review --format json. A client cannot be deleted: say --send for a row of
            create-clients only when you have looked and it is not there.
            """
    )

    @Argument(help: "The run's number.") var id: Int64
    @Argument(help: "The row's number: 1 is the first below the header.") var row: Int64
    @Option(
        help: ArgumentHelp("This client is the row's: created by it, or to be changed by it now.", valueName: "uid")
    ) var client: String?
    @Flag(name: [.customLong("send"), .customLong("create")], help: "It has not happened: send the row.")
    var send = false
    @Flag(help: "Leave the row out.") var skip = false
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (client == nil ? 0 : 1) + (send ? 1 : 0) + (skip ? 1 : 0) == 1 else {
            throw ValidationError("Say one of --client UID, --send and --skip.")
        }
        if let client, ClientUID(client) == nil {
            throw ValidationError("--client is a uid such as 0f8fad5b-d9cb-469f-a165-70867728950e.")
        }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let result = try await BulkStore(database).resolve(run: id, row: row, resolution)
        await database.close()
        switch result {
        case .notFound:
            throw Failure(.usage, "run \(id) has no row \(row): see factpulse-worker bulk-runs rows \(id)")
        case .refused(let reason): throw Failure(.usage, "\(reason): see factpulse-worker bulk-runs rows \(id)")
        case .done where output.json: try Output.json(["run": id, "row": row])
        case .done: try Output.print("run \(id), row \(row): \(word)")
        }
    }

    private var resolution: BulkStore.Resolution {
        if let client { return .client(uid: client.lowercased()) }
        return send ? .send : .skip
    }

    private var word: String {
        switch resolution {
        case .client: "is this client"
        case .send: "will be sent"
        case .skip: "left out"
        }
    }
}
