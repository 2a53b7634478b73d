import ArgumentParser
import FactPulse
import Foundation
import JobQueue
import Jobs
import KeyVault
import Postgres

/// Why a command ends, as its user is told: one line that says the cure, and the exit code.
struct Failure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        // One line, whatever a server put into its words.
        self.message = message.split(whereSeparator: \.isNewline).joined(separator: " ").shown
    }

    /// A result that is not an error of the program: everything was said already.
    static func silent(_ status: ExitStatus) -> Failure { Failure(status, "") }

    /// The one place that decides what an error means for the exit code.
    /// - Returns: `nil` for errors of the argument parser, which prints them itself.
    init?(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as FileError: self.init(error)
        case let error as PostgresError: self.init(error)
        case let error as FactPulseError: self.init(error)
        case let error as SettingsError: self.init(.configuration, "\(error)")
        case let error as FactPulseConfigurationError: self.init(.configuration, "\(error)")
        case let error as VaultError: self.init(error)
        case let error as OtherAccount: self.init(.configuration, "\(error)")
        case let error as ScheduleFileError: self.init(.configuration, "\(error)")
        case let error as ScheduleRefused: self.init(.configuration, "\(error)")
        case is CancellationError: self.init(.tryLater, "interrupted: start the command again")
        case is OutputClosed: self = .silent(.done)
        default:
            guard FactPulseWorker.isOurs(error) else { return nil }
            self.init(.bug, "\(error): this is a bug, please report it")
        }
    }

    init(_ error: FileError, path: String? = nil) {
        let message = path.map { "\($0): \(error)" } ?? "\(error)"
        switch error {
        case .cannotWrite: self.init(.tryLater, message)
        case .noPlace, .unknownField: self.init(.usage, message)
        default: self.init(.badInput, message)
        }
    }

    init(_ error: PostgresError) {
        let text = "\(error)"
        switch error.kind {
        case .authenticationFailed: self.init(.credentialsRefused, text)
        case .refused where error.sqlState == "08P01":
            self.init(
                .configuration,
                "DATABASE_URL leads to a PgBouncer, which takes no settings: set DATABASE_PGBOUNCER=true"
            )
        case .refused, .configuration, .migration: self.init(.configuration, text)
        case .outdatedSchema:
            self.init(.configuration, "the database is older than this program: run factpulse-worker migrate")
        case .unavailable, .poolTimeout: self.init(.unavailable, text)
        case .connectionLost, .deadlineExceeded:
            self.init(.unavailable, "\(text): check that the database runs, and try again")
        case .cancelled: self.init(.tryLater, "interrupted: start the command again")
        case .server: self.init(server: error, text)
        case .unusable, .decoding, .encoding: self.init(.bug, "\(text): this is a bug, please report it")
        }
    }

    private init(server error: PostgresError, _ text: String) {
        switch error.sqlState ?? "" {
        // An unknown schema, table, column or function.
        case "3F000", "42P01", "42703", "42883":
            self.init(.configuration, "\(text): the schema is missing or old, run factpulse-worker migrate")
        // A prepared statement that is gone, or that somebody else prepared.
        case "26000", "42P05":
            self.init(
                .configuration,
                "\(text): DATABASE_URL leads to a pooler in transaction mode, set DATABASE_PGBOUNCER=true"
            )
        case "42501": self.init(.configuration, "\(text): grant the right to the user of DATABASE_URL")
        case _ where error.isTransient: self.init(.unavailable, "\(text): try again")
        default: self.init(.bug, "\(text): this is a bug, please report it")
        }
    }

    private init(_ error: VaultError) {
        let status: ExitStatus =
            switch error {
            case .escrow, .kekInUse: .tryLater
            case .kekFile, .kekCommand, .kekMalformed, .kekUnknown, .kekRetired, .doesNotOpen, .escrowEmpty,
                .escrowOfAnother:
                .configuration
            }
        self.init(status, "\(error)")
    }

    init(_ error: FactPulseError) {
        let status: ExitStatus =
            switch error.outcome {
            case .credentialsRefused, .unauthorized, .refused(status: 403): .credentialsRefused
            case .throttled, .notSent(.gateClosed): .tryLater
            case .notSent(.invalidRequest), .refused(status: 404): .configuration
            case .notSent, .uncertain, .refused: .unavailable
            }
        if case .uncertain = error.outcome {
            self.init(status, "\(error): check that FactPulse is up, and try again")
        } else {
            self.init(status, "\(error)")
        }
    }
}

extension FactPulseWorker {
    /// Whether an error came from the work and not from reading the arguments.
    static func isOurs(_ error: any Error) -> Bool {
        // The parser maps what it does not know to EXIT_FAILURE, and knows its own: help, version, wrong usage.
        exitCode(for: error) == .failure
    }
}
