import Foundation
import Logging
import Postgres
import ServiceLifecycle

/// Fires the schedules of the database. Every worker has one; none leads.
///
/// It sleeps until the next instant, and looks once a minute for what others changed without telling it. Nothing here
/// must happen: a tick that this one does not judge is judged by the next that looks.
package struct Scheduler: Service {
    private static let longest = Duration.seconds(60)
    /// So that not all workers ask for the same row in the same millisecond.
    private static let jitter = 0.0...0.1

    private let store: JobStore
    private let logger: Logger
    private let bell = Bell()

    package init(store: JobStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Judges what is due by the schedules as they stand, then puts others in their place and says what changed.
    /// - Throws: ``ScheduleRefused``; nothing has changed then. `PostgresError`.
    package func replace(with schedules: [Schedule]) async throws {
        _ = try await fire()
        let changes = try await store.replaceSchedules(with: schedules)
        for change in changes {
            logger.notice(
                "A schedule changed",
                metadata: ["schedule": "\(change.schedule)", "change": "\(change.what)"]
            )
        }
        bell.ring()
    }

    /// Looks at once: the schedules, or their clock, have changed.
    package func wake() {
        bell.ring()
    }

    package func run() async {
        let stop = StopSignal()
        await withGracefulShutdownHandler {
            await fire(until: stop)
        } onGracefulShutdown: {
            stop.set()
            bell.ring()
        }
    }

    private func fire(until stop: StopSignal) async {
        var failures = 0
        while !stop.isSet, !Task.isCancelled {
            do {
                let next = min(try await fire() ?? Self.longest, Self.longest)
                failures = 0
                await bell.wait(atMost: next + .seconds(.random(in: Self.jitter)))
            } catch {
                failures += 1
                logger.warning("Could not look at the schedules; trying again", metadata: ["error": "\(error)"])
                await bell.wait(atMost: Backoff(base: .milliseconds(500), maximum: .seconds(30)).delay(after: failures))
            }
        }
    }

    /// - Returns: how long until the next instant; `nil`: there is none.
    private func fire() async throws -> Duration? {
        let (ticks, unreadable, next) = try await store.fireDue()
        for name in unreadable {
            logger.error("A schedule of another version cannot be read", metadata: ["schedule": "\(name)"])
        }
        for (name, ticks) in Dictionary(grouping: ticks, by: \.schedule) { report(name, ticks) }
        return next
    }

    private func report(_ name: String, _ ticks: [Tick]) {
        for tick in ticks where tick.job != nil {
            logger.info(
                "A schedule fired",
                metadata: [
                    "schedule": "\(name)", "instant": "\(tick.instant.ISO8601Format())", "job.id": "\(tick.job ?? 0)",
                ]
            )
        }
        let missed = ticks.filter { $0.job == nil }
        guard let last = missed.last else { return }
        logger.warning(
            "A schedule missed ticks",
            metadata: [
                "schedule": "\(name)", "count": "\(missed.count)", "last": "\(last.instant.ISO8601Format())",
                "reason": "\(last.reason ?? "")",
            ]
        )
    }
}
