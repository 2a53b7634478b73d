import ArgumentParser
import Foundation
import Jobs
import Postgres

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Prints a view of the schema reporting: clients, PDP problems, imports, freshness and more.",
        discussion: """
            EXAMPLES:
              factpulse-worker report
              factpulse-worker report pdp_problems
              factpulse-worker report clients --format csv
              factpulse-worker report freshness --format json

            Without a name, lists the views. Times are UTC. CSV cells that a spreadsheet
            would run as a formula are made harmless (--raw: left as they are). The same
            views are open to every program that speaks SQL, with the role
            factpulse_reporting.
            """
    )

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case table, csv, json
    }

    @Argument(help: "The view.") var name: String?
    @Option(help: "How to print it.") var format: Format = .table
    @Flag(help: "Leave cells alone that a spreadsheet would run as a formula.") var raw = false
    @OptionGroup var json: JSONOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let database = try await settings.openDatabase(settings.makeLogger())
        let reports = Reports(database)
        if let name {
            try await print(name, reports)
        } else {
            try await printNames(reports)
        }
        await database.close()
    }

    private func printNames(_ reports: Reports) async throws {
        let all = try await reports.all()
        if isJSON { return try Output.json(["reports": all.map { ["name": $0.name, "comment": $0.comment] }]) }
        var table = TextTable([("report", .left), ("what it shows", .left)])
        for report in all { table.add(report.name, report.comment) }
        try Output.print(table.text)
    }

    private func print(_ name: String, _ reports: Reports) async throws {
        let columns = try await reports.columns(of: name)
        guard !columns.isEmpty else {
            let names = try await reports.all().map(\.name)
            let meant = DidYouMean.nearest(to: name, among: names).map { "did you mean \($0)?" }
            throw Failure(
                .usage,
                "there is no report '\(name)': \(meant ?? "there are \(names.joined(separator: ", "))")"
            )
        }
        if isJSON {
            try await printJSON(name, columns, reports)
        } else if format == .csv {
            try await printCSV(name, columns, reports)
        } else {
            var table = TextTable(columns.map { ($0, .left) })
            try await reports.rows(of: name) { rows in
                for row in rows {
                    table.add(cells: row.map { ($0 ?? "").split(whereSeparator: \.isNewline).joined(separator: " ") })
                }
            }
            try Output.print(table.text)
        }
    }

    private func printCSV(_ name: String, _ columns: [String], _ reports: Reports) async throws {
        let line = CSVLine(raw: raw)
        var header: [UInt8] = []
        line.append(columns, to: &header)
        try Output.write(header)
        try await reports.rows(of: name) { rows in
            var bytes: [UInt8] = []
            for row in rows { line.append(row.map { $0 ?? "" }, to: &bytes) }
            try Output.write(bytes)
        }
    }

    /// One JSON object, the rows one a line.
    private func printJSON(_ name: String, _ columns: [String], _ reports: Reports) async throws {
        let head = "\(try JSONText.encode(name)),\"columns\":\(try JSONText.encode(columns))"
        try Output.print(#"{"schema_version":1,"report":\#(head),"rows":["#)
        var isFirst = true
        try await reports.json(of: name) { rows in
            try Output.print((isFirst ? "" : ",") + rows.joined(separator: "\n,"))
            isFirst = false
        }
        try Output.print("]}")
    }

    private var isJSON: Bool { json.json || format == .json }
}
