import ArgumentParser
import Jobs
import Postgres

struct BulkRunsRows: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rows",
        abstract: "Prints the rows of a run and what became of each.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk-runs rows 12 | head
              factpulse-worker bulk-runs rows 12 --state needs_review --format json
              factpulse-worker bulk-runs rows 12 --output result.csv

            CSV has the columns of the file and _line, _status, _uid, _error_code, _error and
            _candidates: the clients that a person has to choose from (bulk-runs resolve).
            Cells that a spreadsheet would run as a formula are made harmless (--raw: left
            as they are). Mended, it can be imported again. Open it in Excel with Data >
            From Text/CSV, the SIRETs as Text: a double click rounds them. What you
            redirect with > lacks the mark by which Excel knows UTF-8: use --output.
            """
    )

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case csv, json
    }

    @Argument(help: "The run's number.") var id: Int64
    @Option(help: "Only rows in this state.") var state: BulkRowState?
    @Option(help: "How to print them.") var format: Format = .csv
    @Option(help: ArgumentHelp("Write CSV to this file, whole or not at all, instead of printing.", valueName: "file"))
    var output: String?
    @Flag(help: "Leave cells alone that a spreadsheet would run as a formula.") var raw = false
    @OptionGroup var json: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if output != nil, isJSON { throw ValidationError("--output writes CSV; for JSON, redirect standard output.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let store = BulkStore(database)
        guard let run = try await store.run(id) else { throw Failure.noRun(id) }
        let rows = RunRows(store: store, run: run, state: state, raw: raw)
        if let output {
            try await rows.write(to: output)
        } else if isJSON {
            try await rows.printJSON()
        } else {
            try await rows.printCSV()
        }
        await database.close()
    }

    private var isJSON: Bool { json.json || format == .json }
}

extension BulkRowState: ExpressibleByArgument {}
