import FactPulse
import JobQueue
import Logging
import Postgres

/// Writes what happens to one row while its client is created. Every method is one fenced transaction in one round trip.
struct CreateRowWriter: Sendable {
    let run: Int64
    let row: Int64
    let account: Account
    let times: SettleTimes
    let context: JobContext

    /// The intent: ready → sending. From here on the row is ours until the answer is written or the lease is lost.
    /// - Returns: what to send; `nil` when the row is not to be sent: ``passOver()`` says why.
    func beginSending() async throws -> ClientCreateRequest? {
        let rows = try await context.write(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'sending', attempt = r.attempt + 1, sent_at = now(), settle_until = now() + \(times.settle)::interval,
                   absences = 0, absent_at = NULL, job_id = \(context.job.id), token = \(context.job.token), updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'ready'
               AND EXISTS (SELECT FROM factpulse.bulk_runs b JOIN factpulse.accounts a ON a.id = b.account_id
                            WHERE b.id = r.run_id AND b.state = 'running' AND a.name = \(account.name))
               -- Whatever made this row ready: another one may have got the client since.
               AND NOT EXISTS (SELECT FROM factpulse.bulk_rows o WHERE o.account_id = r.account_id AND o.siret = r.siret
                                  AND o.operation = 'create-clients' AND o.state = 'done')
            RETURNING r.name, r.siret, r.fields ->> 'description'
            """
        )[0]
        guard let found = rows.first else { return nil }
        let (name, siret, description) = try found.decode((String.self, String?.self, String?.self))
        return ClientCreateRequest(name: name, description: description, siret: siret)
    }

    /// Ends the job of a row that is not to be sent. A call that an earlier worker left without an answer becomes
    /// uncertain, a row of a cancelled run is skipped, one whose client another row has got exists; anything else has
    /// been seen to already.
    /// - Returns: `nil` when the row is to be sent after all.
    func passOver() async throws -> JobOutcome? {
        let rows = try await context.write(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'uncertain', error_code = 'ANSWER_LOST', error = 'the worker that made the call vanished', updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'sending'
               AND NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = r.job_id AND l.token = r.token)
            RETURNING \(SettleCreates.enqueue(for: "r.account_id", at: "r.settle_until"))
            """,
            """
            UPDATE factpulse.bulk_rows r SET state = 'skipped', updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'ready'
               AND EXISTS (SELECT FROM factpulse.bulk_runs b WHERE b.id = r.run_id AND b.state = 'cancelled')
            """,
            """
            UPDATE factpulse.bulk_rows r SET state = 'exists', uid = o.uid, updated_at = now()
              FROM factpulse.bulk_rows o
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'ready' AND o.account_id = r.account_id AND o.siret = r.siret
               AND o.operation = 'create-clients' AND o.state = 'done'
            """,
            """
            SELECT r.state, b.state, a.name
              FROM factpulse.bulk_rows r
              JOIN factpulse.bulk_runs b ON b.id = r.run_id
              JOIN factpulse.accounts a ON a.id = b.account_id
             WHERE r.run_id = \(run) AND r.row = \(row)
            """
        )[3]
        guard let found = rows.first else { return .failed(reason: "there is no row \(row) of run \(run)") }
        let (state, runState, owner) = try found.decode((BulkRowState.self, BulkRun.State.self, String.self))
        if state == .ready, owner != account.name { return account.leave(to: owner, context) }
        if state == .ready, runState == .running { return nil }
        return try .completed(["row": state.rawValue])
    }

    /// Whether FactPulse has let a call of this run through.
    func hasPassed() async throws -> Bool {
        try await context.store.database.query(
            "SELECT EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(run) AND state = 'done' AND NOT adopted)"
        )[0].decode(at: 0, as: Bool.self)
    }

    /// The answer: sending → done, failed, ready or uncertain.
    ///
    /// To be shielded from cancellation by the caller.
    func write(_ answer: CreateAnswer) async throws -> JobOutcome {
        switch answer {
        case .done(let uid):
            try await end("state = 'done', uid = \(uid.text)::uuid, error_code = NULL, error = NULL")
            return try .completed(["row": "done", "uid": uid.text])
        case .failed(let code, let message), .denied(let code, let message):
            try await end("state = 'failed', error_code = \(code), error = \(message)")
            return try .completed(["row": "failed", "code": code])
        case .again(let wait):
            try await end(Self.notSent)
            return .snooze(wait)
        case .pause(let reason):
            try await end(Self.notSent)
            return try await context.pause(run: run, of: account, reason)
        case .uncertain(let reason):
            try await end(
                "state = 'uncertain', error_code = 'ANSWER_LOST', error = \(reason)",
                then: """
                    SELECT \(SettleCreates.enqueue(for: "r.account_id", at: "r.settle_until")) FROM factpulse.bulk_rows r
                     WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'uncertain'
                    """
            )
            return try .completed(["row": "uncertain"])
        }
    }

    /// Nothing has happened: as before the intent.
    private static let notSent: SQL = """
        state = 'ready', attempt = attempt - 1, settle_until = NULL, sent_at = NULL, job_id = NULL, token = NULL
        """

    private func end(_ assignments: SQL, then followUp: SQL = "SELECT") async throws {
        try await context.insist {
            _ = try await context.write(
                """
                UPDATE factpulse.bulk_rows SET \(assignments), updated_at = now()
                 WHERE run_id = \(run) AND row = \(row) AND state = 'sending'
                   AND job_id = \(context.job.id) AND token = \(context.job.token)
                """,
                followUp
            )
        }
    }
}
