import ArgumentParser
import FactPulse
import Foundation
import JobQueue
import Jobs
import KeyVault
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals

struct RunCommand: AsyncParsableCommand {
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
        let listening = try settings.postgresForListening()
        let database = Database(postgres, logger: logger)
        try await Self.untilReachable(logger) { try await Schema.migrator(database).check() }
        if settings.dashboard != nil {
            logger.notice("This release has no dashboard; FACTPULSE_HTTP is not used")
        }
        let vault = try await Self.untilReachable(logger) { try await settings.openVault(database, logger) }
        let (gate, limiter) = try await makeGate(settings, database, logger)
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
            var configuration = workerConfiguration(settings)
            configuration.closedFor = { max(await limiter?.closedFor ?? .zero, client.closedFor ?? .zero) }
            let store = JobStore(database)
            let keeper = ScheduleKeeper(
                source: source,
                scheduler: Scheduler(store: store, logger: logger),
                logger: logger
            )
            if source != .none {
                try await Self.untilReachable(logger) {
                    try await store.declare(catalogue.policies)
                    try await keeper.scheduler.replace(with: planned)
                }
            }
            try await work(configuration, postgres, listening, store, catalogue, limiter, keeper, logger)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        await database.close()
        try outcome.get()
    }

    /// The limit that all workers of this account share; none where the rate limit is 0.
    private func makeGate(
        _ settings: Settings,
        _ database: Database,
        _ logger: Logger
    ) async throws -> (any RequestGate, RateLimiter?) {
        guard settings.rateLimit > 0 else { return (OpenGate(), nil) }
        let limiter = RateLimiter(database, name: settings.account.name, cap: settings.rateLimit, logger: logger)
        try await Self.untilReachable(logger) { try await limiter.declare() }
        return (FleetGate(limiter, logger: logger), limiter)
    }

    private func workerConfiguration(_ settings: Settings) -> WorkerConfiguration {
        var configuration = WorkerConfiguration()
        configuration.concurrency = concurrency ?? settings.concurrency
        configuration.queues = queues.isEmpty ? settings.queues : queues
        configuration.shutdownGrace = settings.shutdownGrace
        configuration.drain = drain
        configuration.version = FactPulseWorker.version
        return configuration
    }

    private func work(
        _ configuration: WorkerConfiguration,
        _ postgres: PostgresConfiguration,
        _ listening: PostgresConfiguration?,
        _ store: JobStore,
        _ catalogue: JobCatalogue,
        _ limiter: RateLimiter?,
        _ keeper: ScheduleKeeper,
        _ logger: Logger
    ) async throws {
        var heartbeats = postgres
        heartbeats.maximumConnections = 2
        let channels = [JobStore.wakeChannel, JobStore.rateChannel, JobStore.scheduleChannel]
        let news = RateNews(limiter)
        let worker = Worker(
            store: store,
            heartbeats: Database(heartbeats, logger: logger),
            listener: listening.map { Listener($0, channels: channels, logger: logger) },
            catalogue: catalogue,
            configuration: configuration,
            logger: logger,
            onNotification: { channel, payload in
                news.hear(channel: channel, payload: payload)
                keeper.hear(channel: channel)
            }
        )
        // At debug level the library prints whole services, with all that is in them.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .info)
        var services = [ServiceGroupConfiguration.ServiceConfiguration(service: news)]
        if keeper.source != .none { services.append(.init(service: keeper.scheduler)) }
        // A drained worker ends, and the others with it.
        services.append(.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup))
        try await Self.untilStopped(ServiceGroup(configuration: .init(services: services, logger: quiet)), keeper)
    }

    /// SIGHUP reads the schedules again. Of the others the first stops in good order, the second at once.
    private static func untilStopped(_ services: ServiceGroup, _ keeper: ScheduleKeeper) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var isStopping = false
                for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
                    if signal == .sighup {
                        await keeper.reload()
                        continue
                    }
                    if isStopping { _exit(128 + signal.rawValue) }
                    isStopping = true
                    keeper.logger.info("Stopping: finishing what is held; a second signal ends it at once")
                    await services.triggerGracefulShutdown()
                }
            }
            try await services.run()
            group.cancelAll()
        }
    }

    /// A worker often starts before its database. What waiting cannot cure is thrown at once.
    private static func untilReachable<Answer>(
        _ logger: Logger,
        _ ask: () async throws -> Answer
    ) async throws -> Answer {
        var failures = 0
        while true {
            do {
                return try await ask()
            } catch let error as PostgresError where error.isTransient {
                failures += 1
                logger.error("The database cannot be reached; trying again", metadata: ["error": "\(error)"])
                try await Task.sleep(
                    for: Backoff(base: .milliseconds(500), maximum: .seconds(5)).delay(after: failures)
                )
            }
        }
    }
}
