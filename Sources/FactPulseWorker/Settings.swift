import FactPulse
import Foundation
import Logging

/// Everything that can be configured, by environment variables or a file with the same names.
struct Settings: Sendable {
    /// `DATABASE_URL`, text. Default: empty, which means libpq's defaults and the `PG…` variables.
    var databaseURL = ""
    /// `DATABASE_POOL`, 2 to 200 connections of one worker. Default: 8.
    var databasePool = 8
    /// `DATABASE_PGBOUNCER`, true or false: `DATABASE_URL` leads to a PgBouncer in transaction mode, so nothing is asked of
    /// the session: no prepared statements, no settings, no LISTEN. Default: false.
    var throughPgBouncer = false
    /// `DATABASE_LISTEN_URL`, text: the way to the same database past the PgBouncer, for LISTEN. Default: none.
    var listenURL: String?
    /// `FACTPULSE_API_URL`, https (http to this machine only). Default: the public service.
    var apiURL = FactPulseConfiguration.publicURL
    /// `FACTPULSE_EMAIL` with `FACTPULSE_PASSWORD` or `FACTPULSE_PASSWORD_FILE`; or `FACTPULSE_API_KEY` or
    /// `FACTPULSE_API_KEY_FILE`. Default: none, which suffices for what does not call the API.
    var credentials: FactPulseCredentials?
    /// Who logs in: the e-mail address, or ``apiKeyLogin``.
    var login = ""
    static let apiKeyLogin = "api-key"
    /// `FACTPULSE_KEK_FILE`, the file of the keys that seal the clients' keys, or `FACTPULSE_KEK_COMMAND`, a shell command that
    /// prints them. Default: none; no job that needs a key is done then.
    var kekFile: String?
    var kekCommand: String?
    /// `FACTPULSE_ESCROW_FILE`, the second place of every key, on another disk than the database. Needed with a KEK.
    var escrowFile: String?
    /// `FACTPULSE_RATE_LIMIT`, requests a second of the whole fleet, 0 to 10,000; 0 is no limit. Default: 10.
    var rateLimit = 10.0
    /// `FACTPULSE_CONCURRENCY`, jobs at once, 1 to 1,000. Default: 16.
    var concurrency = 16
    /// `FACTPULSE_QUEUES`, names separated by commas, the first one served first. Default: `default`.
    var queues = ["default"]
    /// `FACTPULSE_REQUEST_TIMEOUT`, seconds for one request, 0.1 to 600. Default: 30.
    var requestTimeout: Duration = .seconds(30)
    /// `FACTPULSE_SETTLE_GRACE`, seconds after a lost request in which the server may still carry it out, 0.1 to 3,600.
    /// Default: 120.
    var settleGrace: Duration = .seconds(120)
    /// `FACTPULSE_CLIENTS_MAX_AGE`, seconds that the table of clients may lag behind the server, 60 to 31,536,000. Default:
    /// 86,400.
    var clientsMaxAge: Duration = .seconds(86_400)
    /// `FACTPULSE_PDP_MAX_AGE`, the same for the PDP status of each client. Default: 86,400.
    var pdpMaxAge: Duration = .seconds(86_400)
    /// `FACTPULSE_SHUTDOWN_GRACE`, seconds that a stopping worker gives its jobs, 0 to 3,600. Default: 45.
    var shutdownGrace: Duration = .seconds(45)
    /// `FACTPULSE_LOG_LEVEL`, trace, debug, info, notice, warning, error or critical. Default: info for the worker,
    /// error for other commands.
    var logLevel: Logger.Level?
    /// `FACTPULSE_LOG_FORMAT`, text or json. Default: text.
    var logFormat = LogFormat.text
    /// `FACTPULSE_LISTEN`, true or false: whether new jobs wake the worker at once, and not within a second. Default: true.
    var listens = true
    /// `FACTPULSE_SCHEDULES`, path of a file like `jobs/schedules.yaml`, or `none`: this worker fires no schedules and leaves
    /// those of the database as they are. Default: the one that is part of the program.
    var schedules = ScheduleSource.embedded
    /// `FACTPULSE_HTTP`, host:port of the dashboard, which this release does not have. Default: none.
    var dashboard: String?

    /// Files that hold a secret, or may: those named by `…_FILE`, and the configuration file.
    private(set) var secretFiles: [String] = []
    /// Names that look like ours and are none.
    private(set) var unknownNames: [String] = []

    /// Every setting.
    static let names = [
        "DATABASE_URL", "DATABASE_POOL", "DATABASE_PGBOUNCER", "DATABASE_LISTEN_URL", "FACTPULSE_API_URL",
        "FACTPULSE_EMAIL", "FACTPULSE_PASSWORD", "FACTPULSE_PASSWORD_FILE", "FACTPULSE_API_KEY",
        "FACTPULSE_API_KEY_FILE", "FACTPULSE_KEK_FILE", "FACTPULSE_KEK_COMMAND", "FACTPULSE_ESCROW_FILE",
        "FACTPULSE_RATE_LIMIT", "FACTPULSE_CONCURRENCY", "FACTPULSE_QUEUES", "FACTPULSE_REQUEST_TIMEOUT",
        "FACTPULSE_SETTLE_GRACE", "FACTPULSE_CLIENTS_MAX_AGE", "FACTPULSE_PDP_MAX_AGE", "FACTPULSE_SHUTDOWN_GRACE",
        "FACTPULSE_LOG_LEVEL",
        "FACTPULSE_LOG_FORMAT", "FACTPULSE_LISTEN", "FACTPULSE_SCHEDULES", "FACTPULSE_HTTP", "FACTPULSE_CONFIG",
    ]

    /// Reads the environment, and the file where the environment is silent.
    /// - Parameter file: `--config`, or else `FACTPULSE_CONFIG`: lines of `NAME=value`, `#` begins a comment.
    /// - Throws: ``SettingsError`` for the first value that cannot be used.
    static func load(
        file: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Settings {
        try Settings(try SettingsReader(file: file, environment: environment))
    }

    private init(_ reader: SettingsReader) throws {
        databaseURL = reader.text("DATABASE_URL") ?? databaseURL
        databasePool = try reader.integer("DATABASE_POOL", 2...200) ?? databasePool
        throughPgBouncer = try reader.flag("DATABASE_PGBOUNCER") ?? throughPgBouncer
        listenURL = reader.text("DATABASE_LISTEN_URL")
        apiURL = reader.text("FACTPULSE_API_URL") ?? apiURL
        kekFile = reader.text("FACTPULSE_KEK_FILE")
        kekCommand = reader.text("FACTPULSE_KEK_COMMAND")
        escrowFile = reader.text("FACTPULSE_ESCROW_FILE")
        rateLimit = try reader.number("FACTPULSE_RATE_LIMIT", 0...10_000) ?? rateLimit
        concurrency = try reader.integer("FACTPULSE_CONCURRENCY", 1...1_000) ?? concurrency
        queues = try reader.names("FACTPULSE_QUEUES") ?? queues
        requestTimeout = try reader.seconds("FACTPULSE_REQUEST_TIMEOUT", 0.1...600) ?? requestTimeout
        settleGrace = try reader.seconds("FACTPULSE_SETTLE_GRACE", 0.1...3_600) ?? settleGrace
        clientsMaxAge = try reader.seconds("FACTPULSE_CLIENTS_MAX_AGE", 60...31_536_000) ?? clientsMaxAge
        pdpMaxAge = try reader.seconds("FACTPULSE_PDP_MAX_AGE", 60...31_536_000) ?? pdpMaxAge
        shutdownGrace = try reader.seconds("FACTPULSE_SHUTDOWN_GRACE", 0...3_600) ?? shutdownGrace
        logLevel = try reader.choice("FACTPULSE_LOG_LEVEL")
        logFormat = try reader.choice("FACTPULSE_LOG_FORMAT") ?? logFormat
        listens = try reader.flag("FACTPULSE_LISTEN") ?? listens
        schedules = ScheduleSource(reader.text("FACTPULSE_SCHEDULES"))
        dashboard = reader.text("FACTPULSE_HTTP")
        try readCredentials(reader)
        let named =
            ["FACTPULSE_PASSWORD_FILE", "FACTPULSE_API_KEY_FILE", "FACTPULSE_KEK_FILE"].map(reader.text) + [reader.file]
        secretFiles = named.compactMap(\.self)
        unknownNames = reader.names(beginningWith: "FACTPULSE_").filter { !Self.names.contains($0) }
    }

    private mutating func readCredentials(_ reader: SettingsReader) throws {
        let email = reader.text("FACTPULSE_EMAIL")
        let password = try reader.secret("FACTPULSE_PASSWORD")
        let apiKey = try reader.secret("FACTPULSE_API_KEY")
        switch (email, password, apiKey) {
        case (nil, nil, nil): break
        case (let email?, let password?, nil):
            credentials = .password(email: email, password)
            login = email
        case (nil, nil, let apiKey?):
            credentials = .apiKey(apiKey)
            login = Self.apiKeyLogin
        case (_, _, .some):
            throw SettingsError(
                key: "FACTPULSE_API_KEY",
                problem: "is set beside FACTPULSE_EMAIL or FACTPULSE_PASSWORD",
                cure: "unset one of the two ways to log in"
            )
        case (nil, _, nil):
            throw SettingsError(
                key: "FACTPULSE_EMAIL",
                problem: "is missing",
                cure: "set it to the account's e-mail address"
            )
        case (_, nil, nil):
            throw SettingsError(
                key: "FACTPULSE_PASSWORD",
                problem: "is missing",
                cure: "set it, or FACTPULSE_PASSWORD_FILE to a file that holds it"
            )
        }
    }
}
