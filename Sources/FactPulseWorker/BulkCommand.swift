import ArgumentParser
import Foundation
import Jobs

struct BulkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk",
        abstract: "Carries out one operation for every row of a CSV file, each row exactly once.",
        discussion: """
            EXAMPLES:
              factpulse-worker bulk create-clients clients.csv --dry-run
              factpulse-worker bulk create-clients clients.csv --wait --result result.csv
              factpulse-worker bulk create-clients clients.csv --skip-invalid --fix
              factpulse-worker bulk create-clients a.csv --map name="Raison sociale"
              factpulse-worker bulk update-clients changes.csv --wait
              factpulse-worker bulk deactivate gone.csv --dry-run
              factpulse-worker bulk generate-webhook-secrets clients.csv --wait \\
                  --deliver-command 'vault kv put secret/$FACTPULSE_CLIENT_UID value=-'

            The whole file is checked before the first call. The rows then wait in the
            database for the workers (factpulse-worker run). The same file again shows its
            run and starts nothing; --force-new starts another. Encoding, delimiter and
            columns are found by themselves in what Excel writes.

            create-clients reads the columns name (nom, raison sociale, …), siret and
            description. The others find their client by uid or siret. update-clients
            changes name, siret (of a client found by uid) and description: an absent
            column or an empty cell leaves the value as it is, <null> clears it.
            configure-pdp reads flow_service_url, token_url, oauth_client_id,
            client_secret, is_active, mode_sandbox and encryption_mode (fernet, double);
            what is left out stays as it is. It needs FACTPULSE_KEK_FILE, as do
            rotate-keys, which gives each client a new encryption key, and
            generate-webhook-secrets, which gives a secret to clients that have none;
            --deliver-command hands each to a shell command: the secret on standard
            input, FACTPULSE_CLIENT_UID in the environment.
            """
    )

    @Argument(help: "What to do with each row: \(BulkOperation.names).")
    var operation: String
    @Argument(help: "The CSV file.", completion: .file(extensions: ["csv"]))
    var file: String
    @Flag(help: "Only check the file: nothing is sent or written.")
    var dryRun = false
    @Flag(help: "Leave rows out that cannot be sent, instead of refusing the file.")
    var skipInvalid = false
    @Option(help: ArgumentHelp("Take a field from this column, by name or by place (#3).", valueName: "field=column"))
    var map: [String] = []
    @Flag(help: "Repair what can be repaired without loss, such as a SIRET's lost leading zero.")
    var fix = false
    @Option(help: "luhn: real SIRETs. format: any 14 digits, for made-up ones.")
    var siretCheck: SiretCheck = .luhn
    @Option(help: "utf-8, utf-16le, utf-16be or windows-1252. Default: found out.")
    var encoding: String?
    @Option(help: "The character between cells, or tab, comma, semicolon, pipe. Default: found out.")
    var delimiter: String?
    @Flag(help: "Let several rows without SIRET have the same name.")
    var allowSameName = false
    @Flag(help: "generate-webhook-secrets: replace a secret that is there; it is void at once.")
    var rotate = false
    @Option(help: ArgumentHelp("With --wait: hand each new webhook secret to this.", valueName: "command"))
    var deliverCommand: String?
    @Flag(help: "Start another run of a file that has one.")
    var forceNew = false
    @Flag(help: "Stay until the run is over.")
    var wait = false
    @Option(help: ArgumentHelp("With --wait: stay at most so long, such as 90s, 10m, 2h.", valueName: "time"))
    var maxWait: SpokenDuration?
    @Option(help: ArgumentHelp("Write the rows that cannot be sent, and why, to this CSV file.", valueName: "file"))
    var errors: String?
    @Option(help: ArgumentHelp("With --wait: write what became of each row to this CSV file.", valueName: "file"))
    var result: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if dryRun, wait { throw ValidationError("--dry-run sends nothing, so there is nothing to --wait for.") }
        if !wait, maxWait != nil { throw ValidationError("--max-wait goes with --wait.") }
        if !wait, result != nil {
            throw ValidationError("--result goes with --wait; later: bulk-runs rows ID --output FILE.")
        }
        let makesSecrets = operation == BulkOperation.generateWebhookSecrets.rawValue
        if !makesSecrets, rotate || deliverCommand != nil {
            throw ValidationError("--rotate and --deliver-command go with generate-webhook-secrets.")
        }
        if !wait, deliverCommand != nil { throw ValidationError("--deliver-command goes with --wait.") }
        _ = try fileOptions()
    }

    func run() async throws {
        let operation = try Self.operation(named: operation)
        let settings = try common.settings()
        let options = try fileOptions()
        if file == "-" {
            throw Failure(
                .usage,
                "standard input is not read, for a file is read more than once: save it, and name the file"
            )
        }
        try checkTargets()
        let checked = try await CheckedFile.check(
            path: file,
            operation: operation,
            options: options,
            isSilent: output.json
        )
        let report = FileCheckReport(
            checked,
            operation: operation,
            rateLimit: settings.rateLimit,
            errorsFile: errors
        )
        if let errors { try await checked.writeRefused(to: errors) }
        if let warning = report.warning, !(dryRun && output.json) { Messages.write("Warning: \(warning)") }
        if dryRun {
            try report.print(asJSON: output.json)
            throw Failure.silent(report.status(skipInvalid: skipInvalid))
        }
        if checked.report.counts[.rejected] > 0, !skipInvalid {
            // The data that was asked for is a run; why there is none is a message.
            if output.json { try report.print(asJSON: true) } else { Messages.write(report.text) }
            throw Failure(
                .badInput,
                "\(file): \(checked.report.counts[.rejected].counted("row")) cannot be sent, so this call has sent none: mend them"
                    + (report.canSkipInvalid ? ", or say --skip-invalid" : "")
            )
        }
        let importer = BulkImport(settings: settings, checked: checked, operation: operation, forceNew: forceNew)
        try await importer.run(
            BulkFollowing(
                wait: wait,
                maxWait: maxWait?.duration,
                result: result,
                deliverCommand: deliverCommand,
                json: output.json
            )
        )
    }

    /// Each file that is written must be another one than the file that is read.
    private func checkTargets() throws {
        let targets = [("--errors", errors), ("--result", result)].compactMap { option, path in
            path.map { (option, $0) }
        }
        for (option, path) in targets where [path, path + ".part"].contains(where: { FilePlace.isSame($0, file) }) {
            throw Failure(.usage, "\(option) \(path) would overwrite the file that is read: name another file")
        }
        if targets.count == 2, FilePlace.isSame(targets[0].1, targets[1].1) {
            throw Failure(.usage, "--errors and --result name the same file: name two")
        }
    }

    private func fileOptions() throws -> FileOptions {
        var options = FileOptions(fix: fix, siretCheck: siretCheck, rotate: rotate, allowSameName: allowSameName)
        if let encoding {
            guard let known = TextEncoding(name: encoding) else {
                let names = TextEncoding.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--encoding '\(encoding)' is unknown: use one of \(names).")
            }
            options.encoding = known
        }
        if let delimiter {
            guard let known = Delimiter(name: delimiter) else {
                throw ValidationError("--delimiter is one character such as ';', or tab, comma, semicolon, pipe.")
            }
            options.delimiter = known
        }
        for text in map {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ValidationError("--map is written FIELD=COLUMN, such as --map siret=\"N° SIRET\".")
            }
            let column = String(text[text.index(after: equals)...])
            if column.isEmpty { throw ValidationError("--map \(text) names no column: write FIELD=COLUMN.") }
            options.columns[String(text[..<equals])] = column
        }
        return options
    }

    private static func operation(named name: String) throws -> BulkOperation {
        if let operation = BulkOperation(rawValue: name) { return operation }
        let meant = DidYouMean.nearest(to: name, among: BulkOperation.allCases.map(\.rawValue))
        let hint = meant.map { "did you mean \($0)? " } ?? ""
        throw Failure(.usage, "'\(name)' is no operation: \(hint)there are \(BulkOperation.names)")
    }
}

extension SiretCheck: ExpressibleByArgument {}

/// A time as people type it: 90, 90s, 10m, 2h.
struct SpokenDuration: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600]
        let unit = argument.last.flatMap { units[$0] }
        guard let number = Double(unit == nil ? argument : String(argument.dropLast())),
            (0...10_000_000).contains(number)
        else { return nil }
        duration = .seconds(number * (unit ?? 1))
    }
}
