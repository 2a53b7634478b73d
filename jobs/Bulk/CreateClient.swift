import FactPulse
import JobQueue
import Logging
import Postgres

/// Creates the client of one row of a bulk run, exactly once.
///
/// The API has no idempotency key, no unique SIRET and no delete. So the intent is written before the call, the answer
/// after it, and a call whose answer was lost is never repeated here: its row becomes `uncertain`, which only
/// ``SettleCreates`` may end.
package struct CreateClient: JobHandler {
    package struct Arguments: Codable, Sendable {
        package var run: Int64
        package var row: Int64

        package init(run: Int64, row: Int64) {
            self.run = run
            self.row = row
        }
    }

    package static let kind: JobKind = "create-client"
    package static let policy = JobPolicy(
        description: "Creates the client of one row of a bulk run",
        arguments: ["run": .number, "row": .number],
        // A worker dies with up to all of its jobs in hand, and one row must not suffer for its neighbours.
        maximumCrashes: 10,
        timeout: .seconds(180)
    )

    private let api: FactPulseClient
    private let times: SettleTimes

    package init(api: FactPulseClient, times: SettleTimes) {
        self.api = api
        self.times = times
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let writer = CreateRowWriter(run: arguments.run, row: arguments.row, times: times, context: context)
        // The permit and the token first: once the intent is written, nothing is left to wait for.
        let admission: Admission
        do {
            admission = try await api.account.admit()
        } catch {
            return try await notSent(error, writer)
        }
        guard let request = try await writer.beginSending() else {
            return try await writer.settleForeign()
        }
        CrashPoint.reached("after-intent")
        let answer: Result<ClientDetail, FactPulseError>
        do {
            let guarded = api.guarded { try context.checkAlive() }
            answer = .success(try await guarded.account.createClient(request, admission: admission))
        } catch {
            answer = .failure(error)
        }
        CrashPoint.reached("after-answer")
        let outcome = try await writer.write(CreateAnswer(answer))
        CrashPoint.reached("after-answer-written")
        return outcome
    }

    /// Nothing was written and nothing sent.
    private func notSent(_ error: FactPulseError, _ writer: CreateRowWriter) async throws -> JobOutcome {
        switch CreateAnswer(.failure(error)) {
        case .pause(let reason): try await writer.pause(reason)
        case .again(let wait): .snooze(wait)
        // No create call was made: whatever the prelude failed with, the row has lost nothing.
        case .done, .failed, .uncertain: .snooze(.seconds(5))
        }
    }
}
