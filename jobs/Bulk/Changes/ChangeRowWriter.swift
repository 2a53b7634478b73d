import FactPulse
import Foundation
import JobQueue
import Logging
import Postgres

/// Writes what happens to one row while its client is changed. Every method is one fenced transaction in one round trip.
struct ChangeRowWriter: Sendable {
    /// Calls after which a change that is proven not to have happened is not sent again by itself.
    private static let maximumCalls = 3

    let run: Int64
    let row: Int64
    let account: Account
    let times: SettleTimes
    let context: JobContext

    enum Taken: Sendable {
        case send(ChangeRow)
        /// Its answer was lost, and the server cannot carry out the call any more.
        case settle(ChangeRow)
        /// Nothing is to be done now.
        case over(JobOutcome)
    }

    /// Finds out what is to be done with the row. A call that an earlier life of this job left without an answer becomes
    /// uncertain, a row of a cancelled run is skipped.
    func take() async throws -> Taken {
        let rows = try await context.write(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'uncertain', error_code = 'ANSWER_LOST', error = 'the worker that made the call died', updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'sending'
               AND NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = r.job_id AND l.token = r.token)
            """,
            """
            UPDATE factpulse.bulk_rows r SET state = 'skipped', updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'ready'
               AND EXISTS (SELECT FROM factpulse.bulk_runs b WHERE b.id = r.run_id AND b.state = 'cancelled')
            """,
            """
            SELECT r.state, b.state, a.name, r.operation, r.uid::text, r.fields, r.secret_id, r.baseline, r.attempt,
                   coalesce(extract(epoch FROM r.settle_until - now()), 0)::float8
              FROM factpulse.bulk_rows r
              JOIN factpulse.bulk_runs b ON b.id = r.run_id
              JOIN factpulse.accounts a ON a.id = b.account_id
             WHERE r.run_id = \(run) AND r.row = \(row)
            """
        )[2]
        guard let found = rows.first else { return .over(.failed(reason: "there is no row \(row) of run \(run)")) }
        let (state, runState, owner, operation, uid, fields, secretID, baseline, attempt, wait) = try found.decode(
            (
                BulkRowState.self, BulkRun.State.self, String.self, BulkOperation.self, String?.self,
                JSON<[String: String?]>.self, UUID?.self, Date?.self, Int.self, Double.self
            )
        )
        guard state == .uncertain || state == .ready && runState == .running else {
            return .over(try .completed(["row": state.rawValue]))
        }
        guard owner == account.name else { return .over(account.leave(to: owner, context)) }
        guard let uid = uid.flatMap(ClientUID.init) else { return .over(.failed(reason: "the row has no client")) }
        let row = ChangeRow(
            run: run,
            row: row,
            operation: operation,
            uid: uid,
            fields: fields.value,
            secretID: secretID,
            baseline: baseline,
            attempt: attempt
        )
        if state == .ready { return .send(row) }
        // A rotation knows by itself what to wait for.
        return wait > 0 && operation != .rotateKeys ? .over(.snooze(.seconds(wait))) : .settle(row)
    }

    /// The intent: ready → sending. From here on the row is ours until the answer is written or the lease is lost.
    /// - Returns: `false` when the row is not to be sent now: ``take()`` says why.
    func beginSending(
        baseline: Date? = nil,
        also: (Transaction) async throws -> Bool = { _ in true }
    ) async throws -> Bool {
        do {
            try await context.transaction { transaction in
                let rows = try await transaction.query(
                    """
                    UPDATE factpulse.bulk_rows r
                       SET state = 'sending', attempt = r.attempt + 1, sent_at = now(), settle_until = now() + \(times.settle)::interval,
                           job_id = \(context.job.id), token = \(context.job.token), baseline = \(baseline)::timestamptz,
                           updated_at = now()
                     WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'ready'
                       AND EXISTS (SELECT FROM factpulse.bulk_runs b WHERE b.id = r.run_id AND b.state = 'running')
                    RETURNING r.row
                    """
                )
                guard !rows.isEmpty, try await also(transaction) else { throw NotNow() }
            }
            return true
        } catch is NotNow {
            return false
        }
    }

    /// Rolls the intent back.
    private struct NotNow: Error {}

    /// Something must be waited for before the answer is known: sending → uncertain. This job comes back.
    func wait() async throws {
        try await change("state = 'uncertain', error_code = NULL, error = NULL", from: .sending) { _ in }
    }

    /// The answer: sending → done, failed, ready or uncertain; or what was found out before the call.
    /// - Parameter also: Written in the same transaction, if the row is still ours.
    func end(
        _ answer: ChangeAnswer,
        from state: BulkRowState,
        also: @escaping @Sendable (ChangeAnswer, Transaction) async throws -> Void = { _, _ in }
    ) async throws -> JobOutcome {
        let change = { (assignments: SQL) in
            try await self.change(assignments, from: state) { try await also(answer, $0) }
        }
        switch answer {
        case .done:
            try await change("state = 'done', error_code = NULL, error = NULL")
            return try .completed(["row": "done"])
        case .isSo:
            try await change("state = 'exists', error_code = NULL, error = NULL")
            return try .completed(["row": "exists"])
        case .failed(let code, let message), .denied(let code, let message):
            try await change("state = 'failed', error_code = \(code), error = \(message)")
            return try .completed(["row": "failed", "code": code])
        case .again(let wait):
            if state == .sending { try await change(Self.notSent) }
            return .snooze(wait)
        case .pause(let reason):
            if state == .sending { try await change(Self.notSent) }
            return try await context.pause(run: run, of: account, reason)
        case .uncertain(let reason):
            try await change("state = 'uncertain', error_code = 'ANSWER_LOST', error = \(reason)")
            // This job comes back to wait, and then to read the client.
            return .snooze(.zero)
        }
    }

    /// What a lost answer came to: uncertain → done, ready, skipped, failed or needs_review.
    func end(_ settled: Settled, _ row: ChangeRow, _ change: any ClientChange) async throws -> JobOutcome {
        let write = { (assignments: SQL) in
            try await self.change(assignments, settled: row) { try await change.write(settled, row, in: $0) }
        }
        switch settled {
        case .done:
            try await write("state = 'done', adopted = true, error_code = NULL, error = NULL")
            return try .completed(["row": "done"])
        case .absent where row.attempt >= Self.maximumCalls:
            let what = "the answer was lost \(row.attempt) times and nothing has changed; to go on: bulk-runs retry; "
            try await write("state = 'failed', error_code = 'NEVER_DONE', error = \(what) || coalesce(error, '')")
            return try .completed(["row": "failed", "code": "NEVER_DONE"])
        case .absent:
            // In a cancelled run the next look skips it.
            try await write("state = 'ready', error_code = NULL, error = NULL")
            return .snooze(.zero)
        case .lost(let seen):
            let fields: SQL =
                "fields = fields || jsonb_build_object(\(GenerateWebhookSecret.again)::text, \(seen.map { "\($0.timeIntervalSince1970)" } ?? "")::text)"
            guard row.attempt >= Self.maximumCalls else {
                try await write("state = 'ready', error_code = NULL, error = NULL, \(fields)")
                return .snooze(.zero)
            }
            let what =
                "the answer was lost \(row.attempt) times, and with it what the call gave; to go on: bulk-runs retry"
            try await write("state = 'failed', error_code = 'ANSWER_LOST', error = \(what), \(fields)")
            return try .completed(["row": "failed", "code": "ANSWER_LOST"])
        case .changedSince:
            return try await review(
                row,
                "CHANGED_SINCE",
                "the answer was lost, and the client was changed since: look at it and decide: bulk-runs resolve"
            )
        }
    }

    /// The client cannot be read, and will not be the next time.
    func end(_ row: ChangeRow, unreadable error: FactPulseError) async throws -> JobOutcome {
        let what = "the answer was lost, and the client cannot be read: \(error); decide: bulk-runs resolve"
        return try await review(row, "ANSWER_LOST", what)
    }

    /// A person has to look at a row of which no answer was lost.
    func review(from state: BulkRowState, _ code: String, _ message: String) async throws -> JobOutcome {
        try await change("state = 'needs_review', error_code = \(code), error = \(message)", from: state) { _ in }
        return try .completed(["row": "needs_review", "code": code])
    }

    private func review(_ row: ChangeRow, _ code: String, _ message: String) async throws -> JobOutcome {
        try await change("state = 'needs_review', error_code = \(code), error = \(message)", settled: row)
        return try .completed(["row": "needs_review", "code": code])
    }

    /// Nothing has happened: as before the intent.
    private static let notSent: SQL = """
        state = 'ready', attempt = attempt - 1, settle_until = NULL, sent_at = NULL, job_id = NULL, token = NULL
        """

    /// - Parameter settled: The row as it was when the client was read: what was read says nothing about a later call.
    private func change(
        _ assignments: SQL,
        settled: ChangeRow,
        also: (Transaction) async throws -> Void = { _ in }
    ) async throws {
        try await change(assignments, where: "state = 'uncertain' AND attempt = \(settled.attempt)", also)
    }

    private func change(
        _ assignments: SQL,
        from state: BulkRowState,
        also: (Transaction) async throws -> Void
    ) async throws {
        let isOurs: SQL = "job_id = \(context.job.id) AND token = \(context.job.token)"
        try await change(assignments, where: "state = \(state) AND (state <> 'sending' OR \(isOurs))", also)
    }

    private func change(
        _ assignments: SQL,
        where condition: SQL,
        _ also: (Transaction) async throws -> Void
    ) async throws {
        try await context.insist {
            try await context.transaction { transaction in
                let rows = try await transaction.execute(
                    """
                    UPDATE factpulse.bulk_rows SET \(assignments), updated_at = now()
                     WHERE run_id = \(run) AND row = \(row) AND \(condition)
                    """
                )
                if rows > 0 { try await also(transaction) }
            }
        }
    }
}
