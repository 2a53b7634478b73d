import ArgumentParser
import Foundation
import JobQueue
import Postgres

@main
struct FactPulseWorker: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "factpulse-worker",
        abstract: "Carries out FactPulse client operations reliably: imports from CSV files, each row exactly once.",
        discussion: """
            EXAMPLES:
              factpulse-worker migrate
              factpulse-worker doctor
              factpulse-worker bulk create-clients clients.csv --dry-run
              factpulse-worker run
              factpulse-worker bulk create-clients clients.csv --wait

            EXIT CODES:
              0   done
              1   done, but some rows failed or need review
              64  wrong usage
              65  bad input file
              69  API or database unavailable
              70  a bug in this program
              75  not done now: try again later
              77  credentials refused
              78  configuration

            Data goes to standard output, messages to standard error. Configuration is
            environment, or a file (--config): DATABASE_URL, FACTPULSE_EMAIL,
            FACTPULSE_PASSWORD_FILE, FACTPULSE_RATE_LIMIT and more; see the README.
            """,
        version: version,
        subcommands: [
            RunCommand.self, MigrateCommand.self, BulkCommand.self, BulkRunsCommand.self, KeysCommand.self,
            AuditCommand.self, WebhooksCommand.self, SyncCommand.self, ReportCommand.self, JobsCommand.self,
            SchedulesCommand.self, StatusCommand.self, DoctorCommand.self,
        ]
    )

    /// Ours, and not the library's, so that each error ends with its fixed exit code and one line.
    static func main() async {
        // A reader that leaves (… | head) and a file size limit are told by the write that fails.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        #if DEBUG
            CrashPoint.arm(ProcessInfo.processInfo.environment["FACTPULSE_CRASH_AT"])
        #endif
        do {
            if let failure = Misspelling.find(in: Array(CommandLine.arguments.dropFirst())) { throw failure }
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    private static func end(with error: any Error) -> Never {
        guard let failure = Failure(error) else {
            let code = exitCode(for: error).rawValue
            if code != ExitStatus.done.rawValue { ErrorAnswer(code: code, error: message(for: error)).print() }
            exit(withError: error)
        }
        if !failure.message.isEmpty {
            ErrorAnswer(code: failure.status.rawValue, error: failure.message).print()
            Messages.write("Error: \(failure.message)")
        }
        Foundation.exit(failure.status.rawValue)
    }
}
