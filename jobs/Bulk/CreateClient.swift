import FactPulse
import JobQueue
import Logging
import Postgres
import Synchronization

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
        timeout: .seconds(180)
    )

    private let api: FactPulseClient
    private let account: Account
    private let times: SettleTimes
    private let trusted = TrustedRuns()
    private let denials = Denials()

    package init(api: FactPulseClient, account: Account, times: SettleTimes) {
        self.api = api
        self.account = account
        self.times = times
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let writer = CreateRowWriter(
            run: arguments.run,
            row: arguments.row,
            account: account,
            times: times,
            context: context
        )
        if !trusted.contains(arguments.run), let outcome = try await writer.passOver() { return outcome }
        // The permit and the token first: once the intent is written, nothing is left to wait for.
        let admission: Admission
        do {
            admission = try await api.account.admit()
        } catch {
            return try await notSent(error, writer, context)
        }
        let intent = ContinuousClock.now
        guard let request = try await writer.beginSending() else {
            trusted.remove(arguments.run)
            return try await writer.passOver() ?? .snooze(.seconds(1))
        }
        trusted.insert(arguments.run)
        let guarded = api.guarded(since: intent, times, context)
        CrashPoint.reached("after-intent")
        let answer: Result<ClientDetail, FactPulseError>
        do {
            answer = .success(try await guarded.account.createClient(request, admission: admission))
        } catch {
            answer = .failure(error)
        }
        CrashPoint.reached("after-answer")
        // What is known must be written, also by a job that is cancelled now.
        let outcome = try await Task { try await writer.write(judge(CreateAnswer(answer), writer)) }.value
        CrashPoint.reached("after-answer-written")
        return outcome
    }

    /// What a denial means. A gateway may dislike the text of one row; what also meets the others concerns the account.
    private func judge(_ answer: CreateAnswer, _ writer: CreateRowWriter) async throws -> CreateAnswer {
        guard case .denied(let code, let message) = answer else {
            if answer.hasPassed { denials.clear(writer.run) }
            return answer
        }
        let denied = denials.add(writer.run)
        guard try await writer.context.insist({ try await writer.hasPassed() }) else {
            return denied < Denials.limit ? .again(after: .seconds(1)) : .pause(reason: message)
        }
        if denied >= Denials.limitAmongOthers { return .pause(reason: "\(denied) rows in a row: \(message)") }
        return .failed(code: code, message: "\(message); other rows pass, so look at what is in this one")
    }

    /// Nothing was written and nothing sent.
    private func notSent(_ error: FactPulseError, _ writer: CreateRowWriter, _ context: JobContext) async throws
        -> JobOutcome
    {
        switch CreateAnswer(.failure(error)) {
        case .pause(let reason): try await context.pause(run: writer.run, of: account, reason)
        case .again(let wait): .snooze(wait)
        // No create call was made: whatever the prelude failed with, the row has lost nothing.
        case .done, .failed, .denied, .uncertain: .snooze(.seconds(5))
        }
    }
}

/// Denials of a run since a call of it was let through.
private final class Denials: Sendable {
    /// So many, when nothing has passed yet, mean the account.
    static let limit = 5
    /// So many in a row mean it though others had passed before.
    static let limitAmongOthers = 20

    private let counts = Mutex<[Int64: Int]>([:])

    func clear(_ run: Int64) { counts.withLock { $0[run] = nil } }

    /// - Returns: how many there are now.
    func add(_ run: Int64) -> Int {
        counts.withLock { counts in
            counts[run, default: 0] += 1
            return counts[run, default: 0]
        }
    }
}

/// Runs of which a row was sent, when this worker last tried. Rows of others are looked at before a permit is spent on
/// them, and before the API is asked on behalf of whoever they belong to. So a cancelled run costs no permits, and one that
/// goes well costs no further statement.
private final class TrustedRuns: Sendable {
    private let runs = Mutex<Set<Int64>>([])

    func contains(_ run: Int64) -> Bool { runs.withLock { $0.contains(run) } }
    func insert(_ run: Int64) { runs.withLock { _ = $0.insert(run) } }
    func remove(_ run: Int64) { runs.withLock { _ = $0.remove(run) } }
}
