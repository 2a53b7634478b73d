/// How a worker works.
package struct WorkerConfiguration: Sendable {
    /// Jobs that run at once. Default: 16.
    package var concurrency = 16
    /// The queues it takes from, in this order. Default: `default`.
    package var queues = ["default"]
    /// Between two heartbeats. Default: 5 seconds.
    package var heartbeat: Duration = .seconds(5)
    /// Silence after which any worker takes a worker's jobs: three beats. Default: 15 seconds.
    package var deadAfter: Duration = .seconds(15)
    /// Silence after which a worker stops its own jobs, before others may take them. Default: 10 seconds.
    package var selfFenceAfter: Duration = .seconds(10)
    /// How often it looks for work without having been woken. Default: 1 second.
    package var pollInterval: Duration = .seconds(1)
    /// The same once nothing has come for that long, where it listens for wake-ups. Default: 5 seconds.
    package var idlePollInterval: Duration = .seconds(5)
    /// How often it looks for dead workers. Default: 2.5 seconds.
    package var rescueInterval: Duration = .milliseconds(2_500)
    /// How often it looks for leases of its own that it does not know of, beside after each claim that failed. Default:
    /// 30 seconds.
    package var auditInterval: Duration = .seconds(30)
    /// How long a stopping worker lets its jobs run on before it cancels them and gives them back. Default: 45 seconds.
    package var shutdownGrace: Duration = .seconds(45)
    /// Stop when nothing is ready, running, or due soon in its queues, instead of waiting for more.
    package var drain = false
    /// With `drain`: how soon a delayed job must be due to be waited for. Default: 5 minutes.
    package var drainHorizon: Duration = .seconds(300)
    /// With `drain`: for how long all that it can do may come to nothing, or `closedFor` keep it from doing anything, before
    /// it ends though work is left. Default: 5 minutes.
    package var drainPatience: Duration = .seconds(300)
    /// For how long the database may be away before the worker ends; `nil`: it waits for ever. Default: `nil`.
    package var givesUpAfter: Duration?
    /// How long what jobs need (an API that throttles us, or fails) is closed; zero when it is open. Asked before each
    /// claim: while it is closed, one is made every 5 seconds, for jobs that do not need it. Default: always open.
    package var closedFor: @Sendable () async -> Duration = { .zero }
    /// Whether the worker was given something to listen to; it knows by itself.
    var listens = false
    package var version = "development"

    package init() {}
}
