import Foundation
import Postgres
import TestSupport

@testable import JobQueue

/// A queue whose schedules go by a clock that the test sets. It begins at a full hour.
struct ScheduleFixture {
    static let begin = Date(timeIntervalSince1970: 1_764_057_600)

    let queue: QueueFixture
    let clock: ScheduleClock

    var store: JobStore { queue.store }

    init() async throws {
        queue = try await QueueFixture()
        clock = try await ScheduleClock(queue.database, at: Self.begin)
    }

    func schedule(_ cron: String = "@hourly", missed: MissedPolicy = .last, overlap: Bool = false) throws -> Schedule {
        Schedule(
            name: "every-hour",
            kind: QueueFixture.kind,
            cron: try CronExpression(cron),
            missed: missed,
            overlap: overlap
        )
    }

    /// - Parameter hours: Since the beginning.
    func set(hours: Double) async throws {
        try await clock.set(Self.begin + hours * 3_600)
    }

    /// Every tick in order: hours since the beginning, and why it was missed.
    func ticks() async throws -> [(hours: Double, reason: String?)] {
        try await queue.database.query("SELECT instant, reason FROM queue.ticks ORDER BY schedule, instant").map {
            let (instant, reason) = try $0.decode((Date.self, String?.self))
            return (instant.timeIntervalSince(Self.begin) / 3_600, reason)
        }
    }

    /// Ends whatever waits, so that the next job of a schedule may be made.
    func finishAll() async throws {
        for job in try await store.list(state: .ready, kind: nil, limit: 100) {
            _ = try await store.cancel(job.id)
        }
    }
}
