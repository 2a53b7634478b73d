import FactPulse
import Foundation
import JobQueue
import KeyVault
import Postgres

/// Gives one client a new encryption key, and knows at any moment which keys may be live.
///
/// FactPulse forgets the old key as it answers and keeps neither. So the new key is committed and escrowed before it is
/// sent, and what a lost answer leaves in doubt is settled with the API alone, by the rules of ``Rotation``. A crash
/// between any two steps is taken up by the next attempt of the job.
package struct RotateKey: JobHandler {
    package struct Arguments: Codable, Sendable {
        package var client: String
        /// A person asks to go on where the rules gave up.
        package var resume: Bool?

        package init(client: String, resume: Bool? = nil) {
            self.client = client
            self.resume = resume
        }
    }

    package static let kind: JobKind = "rotate-key"
    package static let policy = JobPolicy(
        description: "Gives one client a new encryption key",
        arguments: ["client": .string, "resume": .optionalBoolean],
        // A worker dies with all of its jobs in hand, and no key is worth giving up for its neighbours.
        maximumAttempts: 20,
        timeout: .seconds(180)
    )

    private let api: FactPulseClient
    private let vault: Vault?
    private let times: SettleTimes

    /// - Parameter vault: `nil`: this worker has no KEK, and leaves such jobs to others.
    package init(api: FactPulseClient, vault: Vault?, times: SettleTimes) {
        self.api = api
        self.vault = vault
        self.times = times
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        guard let uid = ClientUID(arguments.client) else {
            return .failed(reason: "the client's uid is not a UUID")
        }
        guard let vault else { return .snooze(.seconds(60)) }
        let rotator = KeyRotator(api: api, uid: uid, vault: vault, times: times, context: context)
        return try await rotator.run(resume: arguments.resume ?? false).outcome(context.logger)
    }
}

extension RotateKey {
    /// Asks for a client's rotation; one job a client at a time.
    /// - Returns: the job's id, or that of the one which waits or runs already.
    package static func enqueue(_ client: UUID, resume: Bool = false, in executor: some SQLExecutor) async throws
        -> Int64
    {
        let arguments = JSON(Arguments(client: client.lowercased, resume: resume ? true : nil))
        return try await JobStore.enqueue(
            kind,
            arguments: try arguments.postgresText ?? "{}",
            uniqueKey: client.lowercased,
            concurrencyKey: "client:\(client.lowercased)",
            in: executor
        )
    }
}
