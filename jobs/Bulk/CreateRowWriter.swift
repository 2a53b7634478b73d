import FactPulse
import JobQueue
import Logging
import Postgres

/// Writes what happens to one row while its client is created. Every method is one fenced transaction.
struct CreateRowWriter: Sendable {
    let run: Int64
    let row: Int64
    let times: SettleTimes
    let context: JobContext

    /// The intent: ready → sending. From here on the row is ours until the answer is written or the lease is lost.
    /// - Returns: what to send; `nil` when the row is not ready or its run is not running.
    func beginSending() async throws -> ClientCreateRequest? {
        let rows = try await context.write(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'sending', attempt = r.attempt + 1, sent_at = now(), settle_until = now() + \(times.settle)::interval,
                   absences = 0, absent_at = NULL, job_id = \(context.job.id), token = \(context.job.token), updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row) AND r.state = 'ready'
               AND EXISTS (SELECT FROM factpulse.bulk_runs b WHERE b.id = r.run_id AND b.state = 'running')
            RETURNING r.name, r.siret, r.fields ->> 'description'
            """
        )[0]
        guard let found = rows.first else { return nil }
        let (name, siret, description) = try found.decode((String.self, String?.self, String?.self))
        return ClientCreateRequest(name: name, description: description, siret: siret)
    }

    /// The row was not ready. A call that an earlier worker left without an answer becomes uncertain; a row of a
    /// cancelled run is skipped; anything else has been seen to already.
    func settleForeign() async throws -> JobOutcome {
        let rows = try await context.write(
            """
            UPDATE factpulse.bulk_rows r
               SET state = CASE WHEN r.state = 'sending' THEN 'uncertain' ELSE 'skipped' END, updated_at = now()
             WHERE r.run_id = \(run) AND r.row = \(row)
               AND ((r.state = 'sending' AND NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = r.job_id AND l.token = r.token))
                    OR (r.state = 'ready' AND EXISTS (SELECT FROM factpulse.bulk_runs b WHERE b.id = r.run_id AND b.state = 'cancelled')))
            RETURNING r.state, CASE WHEN r.state = 'uncertain' THEN (\(SettleCreates.enqueue(at: "r.settle_until"))) END
            """
        )[0]
        return try .completed(["row": rows.first.map { try $0.decode("state", as: String.self) } ?? "unchanged"])
    }

    /// The answer: sending → done, failed, ready or uncertain.
    ///
    /// Tried again while the lease lives: an answer that cannot be written becomes an uncertain row.
    func write(_ answer: CreateAnswer) async throws -> JobOutcome {
        switch answer {
        case .done(let uid):
            try await end("state = 'done', uid = \(uid.text)::uuid, error_code = NULL, error = NULL")
            return try .completed(["row": "done", "uid": uid.text])
        case .failed(let code, let message):
            try await end("state = 'failed', error_code = \(code), error = \(message)")
            return try .completed(["row": "failed", "code": code])
        case .again(let wait):
            try await end("state = 'ready', settle_until = NULL, sent_at = NULL, job_id = NULL, token = NULL")
            return .snooze(wait)
        case .pause(let reason):
            try await end("state = 'ready', settle_until = NULL, sent_at = NULL, job_id = NULL, token = NULL")
            return try await pause(reason)
        case .uncertain(let reason):
            try await end(
                "state = 'uncertain', error_code = 'ANSWER_LOST', error = \(reason)",
                then: "SELECT \(SettleCreates.enqueue(at: "now() + \(times.settle)::interval"))"
            )
            return try .completed(["row": "uncertain"])
        }
    }

    /// Stops the whole run: what was refused concerns all of its rows. They stay ready.
    func pause(_ reason: String) async throws -> JobOutcome {
        _ = try await context.write(
            "UPDATE factpulse.bulk_runs SET state = 'paused', reason = \(reason) WHERE id = \(run) AND state = 'running'"
        )
        context.logger.error("The run is paused", metadata: ["run": "\(run)", "reason": "\(reason)"])
        return try .completed(["run": "paused"])
    }

    private func end(_ assignments: SQL, then followUp: SQL = "SELECT") async throws {
        var failures = 0
        while true {
            do {
                _ = try await context.write(
                    """
                    UPDATE factpulse.bulk_rows SET \(assignments), updated_at = now()
                     WHERE run_id = \(run) AND row = \(row) AND state = 'sending'
                       AND job_id = \(context.job.id) AND token = \(context.job.token)
                    """,
                    followUp
                )
                return
            } catch let error as PostgresError where error.isTransient {
                failures += 1
                context.logger.warning("Could not write an answer; trying again", metadata: ["error": "\(error)"])
                try context.checkAlive()
                try await Task.sleep(
                    for: Backoff(base: .milliseconds(100), maximum: .seconds(2)).delay(after: failures)
                )
            }
        }
    }
}
