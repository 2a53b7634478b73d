import FactPulse
import JobQueue
import KeyVault
import Logging
import Postgres

/// Does what one row of a bulk run asks for to one client that exists.
///
/// As with ``CreateClient`` the intent is written before the call and the answer after it. An answer that was lost is
/// settled by this same job: it comes back when the server cannot carry out the call any more, and reads the client.
package struct ChangeClient: JobHandler {
    package typealias Arguments = CreateClient.Arguments

    package static let kind: JobKind = "change-client"
    package static let policy = JobPolicy(
        description: "Does what one row of a bulk run asks for to a client that exists",
        arguments: ["run": .number, "row": .number],
        timeout: .seconds(180)
    )

    private let api: FactPulseClient
    private let account: Account
    private let times: SettleTimes
    private let vault: Vault?
    private let brake = Brake()

    /// - Parameter vault: `nil`: this worker has no KEK, and leaves rows that need a key or a secret to others.
    package init(api: FactPulseClient, account: Account, times: SettleTimes, vault: Vault?) {
        self.api = api
        self.account = account
        self.times = times
        self.vault = vault
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let writer = ChangeRowWriter(
            run: arguments.run,
            row: arguments.row,
            account: account,
            times: times,
            context: context
        )
        switch try await writer.take() {
        case .send(let row) where row.operation == .rotateKeys: return try await rotate(row, isBegun: false, writer)
        case .settle(let row) where row.operation == .rotateKeys: return try await rotate(row, isBegun: true, writer)
        case .over(let outcome): return outcome
        case .send(let row):
            guard let change = change(for: row, context) else { return .snooze(.seconds(60)) }
            return try await send(row, change, writer)
        case .settle(let row):
            guard let change = change(for: row, context) else { return .snooze(.seconds(60)) }
            return try await settle(row, change, writer)
        }
    }

    /// What each operation does to a client.
    /// - Returns: `nil` when it needs a vault and there is none.
    private func change(for row: ChangeRow, _ context: JobContext) -> (any ClientChange)? {
        switch row.operation {
        case .createClients, .rotateKeys: preconditionFailure("its rows go another way")
        case .updateClients: UpdateClient()
        case .activate: SetActive(isActive: true)
        case .deactivate: SetActive(isActive: false)
        case .generateWebhookSecrets: vault.map { GenerateWebhookSecret(vault: $0, context: context) }
        case .configurePDP: vault.map { ConfigurePDP(vault: $0, context: context) }
        }
    }

    private func rotate(_ row: ChangeRow, isBegun: Bool, _ writer: ChangeRowWriter) async throws -> JobOutcome {
        guard let vault else { return .snooze(.seconds(60)) }
        let rotation = RotateRow(api: api, vault: vault, writer: writer)
        switch try await rotation.run(row, isBegun: isBegun) {
        case .over(let outcome): return outcome
        case .answer(let answer, let state): return try await end(answer, from: state, writer)
        }
    }

    private func send(_ row: ChangeRow, _ change: any ClientChange, _ writer: ChangeRowWriter) async throws
        -> JobOutcome
    {
        let call: PreparedCall
        let admission: Admission
        do {
            switch try await change.prepare(row, api.client(row.uid)) {
            case .isSo: return try await writer.end(.isSo, from: .ready)
            case .refused(let code, let message):
                return try await writer.end(.failed(code: code, message: message), from: .ready)
            case .notNow: return .snooze(.seconds(10))
            case .send(let prepared): call = prepared
            }
            // The permit and the token first: once the intent is written, nothing is left to wait for.
            admission = try await api.client(row.uid).admit()
        } catch let error as FactPulseError {
            return try await end(ChangeAnswer(beforeTheCall: error), from: .ready, writer)
        }
        let intent = ContinuousClock.now
        guard try await writer.beginSending(baseline: call.baseline, also: call.atIntent) else {
            return .snooze(.seconds(1))
        }
        CrashPoint.reached("after-intent")
        let answer: ChangeAnswer
        do {
            answer = ChangeAnswer(
                try await call.send(api.guarded(since: intent, times, writer.context).client(row.uid), admission)
            )
        } catch let error as FactPulseError {
            answer = ChangeAnswer(error)
        }
        CrashPoint.reached("after-answer")
        // What is known must be written, also by a job that is cancelled now.
        let outcome = try await Task { try await end(answer, from: .sending, writer, also: call.atAnswer) }.value
        CrashPoint.reached("after-answer-written")
        return outcome
    }

    private func settle(_ row: ChangeRow, _ change: any ClientChange, _ writer: ChangeRowWriter) async throws
        -> JobOutcome
    {
        do {
            let settled = try await change.settle(row, api.client(row.uid))
            CrashPoint.reached("after-settling-read")
            return try await writer.end(settled, row, change)
        } catch let error as FactPulseError {
            return error.isWorthRetrying
                ? .snooze(error.retryAfter ?? .seconds(5)) : try await writer.end(row, unreadable: error)
        }
    }

    /// Writes an answer. A refusal that meets several rows in a row concerns them all, and stops the run.
    private func end(
        _ answer: ChangeAnswer,
        from state: BulkRowState,
        _ writer: ChangeRowWriter,
        also: @escaping @Sendable (ChangeAnswer, Transaction) async throws -> Void = { _, _ in }
    ) async throws -> JobOutcome {
        let outcome = try await writer.end(answer, from: state, also: also)
        if brake.isPulled(by: answer, of: writer.run), case .denied(_, let message) = answer {
            return try await writer.context.pause(
                run: writer.run,
                of: account,
                "\(Brake.limit) clients in a row: \(message)"
            )
        }
        return outcome
    }
}
