import JobQueue
import KeyVault
import Postgres

/// Rotates the keys that have become too old: a campaign.
///
/// In canary order, a few clients at once, so that what is wrong with all of them is found at the first. It makes a
/// ``RotateKey`` job a client and looks after them; it rotates nothing itself, and can be taken up by any worker.
package struct RotateDueKeys: JobHandler {
    package struct Arguments: Codable, Sendable {
        /// How old a key may become, in days, give or take a tenth. Default: 90.
        package var every: Int?
        /// At most so many clients. Default: 1,000.
        package var limit: Int?
        /// How many at once. Default: 2.
        package var width: Int?

        package init(every: Int? = nil, limit: Int? = nil, width: Int? = nil) {
            self.every = every
            self.limit = limit
            self.width = width
        }
    }

    package static let kind: JobKind = "rotate-due-keys"
    package static let policy = JobPolicy(
        description: "Rotates the keys that have become too old, in canary order",
        arguments: ["every": .optionalNumber, "limit": .optionalNumber, "width": .optionalNumber],
        maximumAttempts: 20,
        maximumCrashes: 20,
        timeout: .seconds(60)
    )

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let limit = max(1, arguments.limit ?? 1_000)
        let interval = Duration.seconds(max(1, arguments.every ?? 90) * 86_400)
        let progress = try await context.transaction { transaction in
            let campaign = Campaign(id: context.job.id)
            var progress = try await campaign.progress(in: transaction)
            let places = progress.places(width: max(1, arguments.width ?? 2), limit: limit)
            guard places > 0 else { return progress }
            let due = try await KeyOverview.due(every: interval, limit: places, unless: campaign.has, in: transaction)
            for key in due { try await campaign.begin(key.client, in: transaction) }
            progress.begun += due.count
            progress.open += due.count
            return progress
        }
        if progress.open > 0 { return .snooze(.seconds(1)) }
        if progress.isStopped { return .failed(reason: progress.alarm) }
        return try .completed(progress)
    }

    /// Asks for a campaign; there is one at a time.
    /// - Returns: the job's id, or that of the one which is at work already.
    package static func enqueue(_ arguments: Arguments, in executor: some SQLExecutor) async throws -> Int64 {
        try await JobStore.enqueue(
            kind,
            arguments: try JSON(arguments).postgresText ?? "{}",
            uniqueKey: kind.rawValue,
            in: executor
        )
    }
}
