import JobQueue
import KeyVault
import Logging
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
        timeout: .seconds(60)
    )

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let campaign = Campaign(id: context.job.id)
        let step = try await context.transaction { transaction in
            try await self.step(campaign, arguments, in: transaction)
        }
        switch step {
        case .busy(let other):
            // A schedule's comes by itself, and the next one will find what this one leaves.
            let reason = "the campaign of job \(other) has not ended"
            context.logger.notice("The keys that are due are left to another campaign", metadata: ["job": "\(other)"])
            return try .completed(["campaign": "skipped", "reason": reason])
        case .at(let progress) where progress.open > 0: return .snooze(.seconds(1))
        case .at(let progress) where progress.isStopped: return .failed(reason: progress.alarm)
        case .at(let progress): return try .completed(progress)
        }
    }

    private enum Step {
        /// The job of another campaign, which has not ended.
        case busy(Int64)
        case at(CampaignProgress)
    }

    /// Begins as many more clients as may be begun now; ends the campaign when nothing is left to follow.
    private func step(_ campaign: Campaign, _ arguments: Arguments, in transaction: Transaction) async throws -> Step {
        if let other = try await campaign.open(in: transaction) { return .busy(other) }
        var progress = try await campaign.progress(in: transaction)
        let places = progress.places(width: max(1, arguments.width ?? 2), limit: max(1, arguments.limit ?? 1_000))
        if places > 0 {
            let interval = Duration.seconds(min(max(1, arguments.every ?? 90), 36_500) * 86_400)
            let due = try await KeyOverview.due(every: interval, limit: places, unless: campaign.has, in: transaction)
            for key in due { try await campaign.begin(key.client, in: transaction) }
            progress.begun += due.count
            progress.open += due.count
        }
        if progress.open == 0 { try await campaign.close(in: transaction) }
        return .at(progress)
    }

    package enum Start: Sendable, Equatable {
        case made(job: Int64)
        /// The job of the campaign that has not ended.
        case busy(job: Int64)
    }

    /// Starts a campaign, unless one is open.
    package static func start(_ arguments: Arguments, in database: Database) async throws -> Start {
        do {
            return try await database.transaction { transaction in
                if let open = try await Campaign.openOne(in: transaction) { return .busy(job: open) }
                let text = try JSON(arguments).postgresText ?? "{}"
                let job = try await JobStore.enqueue(kind, arguments: text, in: transaction)
                try await transaction.execute("INSERT INTO factpulse.campaigns (id) VALUES (\(job))")
                return .made(job: job)
            }
        } catch let error as PostgresError where error.sqlState == "23505" {
            // Somebody was quicker between the two statements.
            guard let open = try await database.transaction({ try await Campaign.openOne(in: $0) }) else { throw error }
            return .busy(job: open)
        }
    }
}
