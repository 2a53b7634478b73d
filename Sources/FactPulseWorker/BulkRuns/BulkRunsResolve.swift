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
              factpulse-worker bulk-runs resolve 12 8 \\
                  --client 0f8fad5b-d9cb-469f-a165-70867728950e
              factpulse-worker bulk-runs resolve 12 8 --send
              factpulse-worker bulk-runs resolve 12 8 --skip

            A row is named by its line: _line in the result file and in bulk-runs rows
            12 --state needs_review, where _candidates has the uids to choose from. --client says that the row's
            company is this client (create-clients), or that this is the client to change.
            A client cannot be deleted: say --send for a row of create-clients only when
            you have looked and the company is not there. A client of the same name without
            a SIRET gets it by: bulk update-clients, with the columns uid and siret.
            --skip also takes a row that a paused run has not sent.
            """
    )

    @Argument(help: "The run's number.") var id: Int64
    @Argument(help: "The row's line in the file: _line.") var line: Int
    @Option(help: ArgumentHelp("The row's company is this client, or this client is to be changed.", valueName: "uid"))
    var client: String?
    @Flag(help: "With --client: also one that is none of the candidates.") var anyClient = false
    @Flag(name: [.customLong("send"), .customLong("create")], help: "It has not happened: send the row.")
    var send = false
    @Flag(help: "Leave the row out.") var skip = false
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (client == nil ? 0 : 1) + (send ? 1 : 0) + (skip ? 1 : 0) == 1 else {
            throw ValidationError("Say one of --client UID, --send and --skip.")
        }
        if anyClient, client == nil { throw ValidationError("--any-client goes with --client.") }
        if let client, ClientUID(client) == nil {
            throw ValidationError("--client is a uid such as 0f8fad5b-d9cb-469f-a165-70867728950e.")
        }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let store = BulkStore(database)
        guard try await store.row(of: id, line: line) != nil else { throw noRow }
        let found = try await look(settings)
        switch try await store.resolve(run: id, line: line, resolution, anyClient: anyClient) {
        case .notFound: throw noRow
        case .refused(let reason): throw Failure(.usage, "\(reason) (see factpulse-worker bulk-runs rows \(id))")
        case .done: break
        }
        guard let row = try await store.row(of: id, line: line) else { throw noRow }
        await database.close()
        if output.json { return try Output.json(Answer(run: id, row)) }
        try Output.print("run \(id), line \(line), \(row.spoken): \(word(found, row))")
    }

    private struct Answer: Encodable {
        let run: Int64
        let line: Int
        let name: String?
        let siret: String?
        let state: String
        let uid: String?

        init(run: Int64, _ row: BulkRow) {
            self.run = run
            line = row.line
            name = row.name
            siret = row.siret
            state = row.state.rawValue
            uid = row.uid
        }
    }

    private var noRow: Failure {
        Failure(.usage, "run \(id) has no row on line \(line): see _line in factpulse-worker bulk-runs rows \(id)")
    }

    private var resolution: BulkStore.Resolution {
        if let client { return .client(uid: client.lowercased()) }
        return send ? .send : .skip
    }

    /// The client that is meant, as FactPulse has it.
    private func look(_ settings: Settings) async throws -> ClientDetail? {
        guard let client, let uid = ClientUID(client) else { return nil }
        do {
            return try await settings.withAPI(logger: settings.makeLogger()) { try await $0.client(uid).get() }
        } catch let error as FactPulseError where error.outcome == .refused(status: 404) {
            throw Failure(
                .usage,
                "FactPulse has no client \(uid.text) in this account: take one of _candidates in factpulse-worker "
                    + "bulk-runs rows \(id) --state needs_review"
            )
        }
    }

    private func word(_ client: ClientDetail?, _ row: BulkRow) -> String {
        guard let client else { return send ? "will be sent" : "left out" }
        let siret = client.siret.map { "SIRET \($0)" } ?? "no SIRET"
        let inactive = client.isActive ? "" : ", inactive"
        let cure =
            client.siret == nil && row.siret != nil
            ? "; to give it the row's SIRET: bulk update-clients, with the columns uid and siret" : ""
        return "its client is \(client.uid.text) (\"\(client.name)\", \(siret)\(inactive))\(cure)"
    }
}

extension BulkRow {
    /// What tells it from its neighbours.
    fileprivate var spoken: String {
        let words = [name.map { "\"\($0)\"" }, siret.map { "SIRET \($0)" }].compactMap(\.self)
        return words.isEmpty ? uid.map { "client \($0)" } ?? "\"\(cells.first ?? "")\"" : words.joined(separator: ", ")
    }
}
