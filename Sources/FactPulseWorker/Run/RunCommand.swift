import ArgumentParser
import FactPulse
import Foundation
import JobQueue
import Jobs
import KeyVault
import Logging
import Postgres
import ServiceLifecycle

struct RunCommand: AsyncParsableCommand {
    /// For a database that is away; a worker that does not drain waits for ever.
    private static let drainPatience = Duration.seconds(30)

    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs the worker: takes jobs from the queue until it is stopped.",
        discussion: """
            EXAMPLES:
              factpulse-worker run
              factpulse-worker run --drain
              factpulse-worker run --concurrency 32 --queue urgent --queue default
              factpulse-worker run --schedules schedules.yaml

            Run as many as you like, on any machines: they share the queue and the rate
            limit. SIGTERM or Ctrl-C stops it in good order (it claims no more, finishes
            what it holds, gives back the rest); a second one at once. SIGHUP reads the
            file of schedules again.

            --drain ends with 0 where nothing is left to do, 75 where jobs are left that are
            not due within five minutes or runs that are paused, 77 where FactPulse refuses the
            credentials, and 69 where the database is away for half a minute.
            """
    )

    @Flag(help: "Stop when the queue is empty, instead of waiting for more.")
    var drain = false
    @Option(help: "Jobs at once. Default: FACTPULSE_CONCURRENCY, or 16.")
    var concurrency: Int?
    @Option(name: .customLong("queue"), help: "A queue to serve; may be repeated, the first is served first.")
    var queues: [String] = []
    @Option(
        help: ArgumentHelp(
            "What to do by itself and when; none: nothing. Default: FACTPULSE_SCHEDULES, or jobs/schedules.yaml as built in.",
            valueName: "file"
        )
    )
    var schedules: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let concurrency, !(1...1_000).contains(concurrency) {
            throw ValidationError("--concurrency is a number from 1 to 1000.")
        }
        if queues.contains("") { throw ValidationError("--queue cannot be empty.") }
    }

    func run() async throws {
        let settings = try common.settings()
        let logger = settings.makeLogger(standard: .info)
        // Everything that can be wrong for good is found before the first wait.
        let api = try settings.factPulse()
        let source = schedules.map { ScheduleSource($0) } ?? settings.schedules
        let planned = try source.read()
        var postgres = try settings.postgres()
        // What a stopped process has locked is free by the time that others may have its jobs.
        postgres.idleInTransactionTimeout = WorkerConfiguration().selfFenceAfter
        let links = Links(postgres: postgres, listening: try settings.postgresForListening())
        let database = Database(postgres, logger: logger)
        let keeper = ScheduleKeeper(
            source: source,
            scheduler: Scheduler(store: JobStore(database), logger: logger),
            logger: logger
        )
        let stopping = Stopping(logger: logger)
        let outcome: Result<Void, any Error>
        do {
            try await stopping.whileListening(onHangup: { await keeper.reload() }) {
                try await work(settings, api, planned, links, database, keeper, stopping, logger)
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        try outcome.get()
    }

    /// How the worker reaches its database beside its pool.
    private struct Links {
        var postgres: PostgresConfiguration
        let listening: PostgresConfiguration?
    }

    /// From the first look at the database to the end of the last job.
    private func work(
        _ settings: Settings,
        _ api: FactPulseConfiguration,
        _ planned: [Schedule],
        _ links: Links,
        _ database: Database,
        _ keeper: ScheduleKeeper,
        _ stopping: Stopping,
        _ logger: Logger
    ) async throws {
        let patient = Patient(limit: drain ? Self.drainPatience : nil, logger: logger)
        try await patient.ask { try await Schema.migrator(database).check() }
        try await patient.ask { try await settings.account.check(database) }
        if settings.dashboard != nil {
            logger.notice("This release has no dashboard; FACTPULSE_HTTP is not used")
        }
        let vault = try await patient.ask { try await settings.openVault(database, logger) }
        // Shared by all workers of the account; none where the rate limit is 0.
        let limiter =
            settings.rateLimit > 0
            ? RateLimiter(database, name: settings.account.name, cap: settings.rateLimit, logger: logger) : nil
        try await patient.ask { try await limiter?.declare() }
        let gate: any RequestGate = limiter.map { FleetGate($0, logger: logger) } ?? OpenGate()
        let client = FactPulseClient(api, gate: gate, logger: logger)
        let outcome: Result<Void, any Error>
        do {
            let catalogue = Catalogue.make(
                api: client,
                account: settings.account,
                times: settings.settleTimes,
                ages: settings.syncAges,
                vault: vault
            )
            if keeper.source != .none {
                try await patient.ask {
                    try await JobStore(database).declare(catalogue.policies)
                    try await keeper.scheduler.replace(with: planned)
                }
            }
            let login = LoginWatch(
                api: client,
                needsCall: settings.login == Settings.apiKeyLogin,
                account: settings.account,
                database: database,
                logger: logger
            )
            var configuration = workerConfiguration(settings)
            configuration.closedFor = { max(await limiter?.closedFor ?? .zero, client.closedFor ?? .zero) }
            let news = RateNews(limiter)
            let worker = worker(configuration, links, database, catalogue, news, keeper, logger)
            try await stopping.work(services(worker, news, keeper, login, logger))
            if drain, !stopping.isStopped {
                try await DrainEnd(database: database, queues: configuration.queues, login: login).check()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        try outcome.get()
    }

    private func workerConfiguration(_ settings: Settings) -> WorkerConfiguration {
        var configuration = WorkerConfiguration()
        configuration.concurrency = concurrency ?? settings.concurrency
        configuration.queues = queues.isEmpty ? settings.queues : queues
        configuration.shutdownGrace = settings.shutdownGrace
        configuration.drain = drain
        if drain { configuration.givesUpAfter = Self.drainPatience }
        configuration.version = FactPulseWorker.version
        return configuration
    }

    private func worker(
        _ configuration: WorkerConfiguration,
        _ links: Links,
        _ database: Database,
        _ catalogue: JobCatalogue,
        _ news: RateNews,
        _ keeper: ScheduleKeeper,
        _ logger: Logger
    ) -> Worker {
        var heartbeats = links.postgres
        heartbeats.maximumConnections = 2
        let channels = [JobStore.wakeChannel, JobStore.rateChannel, JobStore.scheduleChannel]
        return Worker(
            store: JobStore(database),
            heartbeats: Database(heartbeats, logger: logger),
            listener: links.listening.map { Listener($0, channels: channels, logger: logger) },
            catalogue: catalogue,
            configuration: configuration,
            logger: logger,
            onNotification: { channel, payload in
                news.hear(channel: channel, payload: payload)
                keeper.hear(channel: channel)
            }
        )
    }

    private func services(
        _ worker: Worker,
        _ news: RateNews,
        _ keeper: ScheduleKeeper,
        _ login: LoginWatch,
        _ logger: Logger
    ) -> ServiceGroup {
        // At debug level the library prints whole services, with all that is in them.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .info)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: news),
            .init(service: login, failureTerminationBehavior: .gracefullyShutdownGroup),
        ]
        if keeper.source != .none { services.append(.init(service: keeper.scheduler)) }
        // A drained worker ends, and the others with it.
        services.append(.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup))
        return ServiceGroup(configuration: .init(services: services, logger: quiet))
    }
}
