import FactPulse
import JobQueue
import Logging
import Postgres

/// Finds out what became of create calls whose answer was lost, by reading the server's client list.
///
/// One sweep settles the uncertain rows of all runs. A client counts as absent only when two complete sweeps, both begun
/// after the server can no longer carry out the call, did not see it.
package struct SettleCreates: JobHandler {
    package struct Arguments: Codable, Sendable {}

    package static let kind: JobKind = "settle-creates"
    package static let policy = JobPolicy(
        description: "Reads the client list to settle create calls whose answer was lost",
        maximumAttempts: 1_000,
        maximumCrashes: 1_000,
        timeout: .seconds(1_800)
    )

    /// SQL that makes sure a settling job exists. There is one at a time.
    /// - Parameter time: SQL for when it should run.
    static func enqueue(at time: SQL) -> SQL {
        "queue.enqueue('settle-creates', '{}', run_at => \(time), priority => 50, unique_key => 'settle-creates')"
    }

    private let api: FactPulseClient
    private let times: SettleTimes

    package init(api: FactPulseClient, times: SettleTimes) {
        self.api = api
        self.times = times
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        switch try await nextDue(context) {
        case .none: return .completed
        case .some(let wait) where wait > .zero: return .snooze(wait)
        case .some: break
        }
        let sweep: ClientSweep.Result
        do {
            sweep = try await ClientSweep(api: api, context: context).run(purpose: "settle-creates")
        } catch let error as FactPulseError where error.isWorthRetrying {
            context.logger.warning("The client list cannot be read now", metadata: ["error": "\(error)"])
            return .snooze(error.retryAfter ?? .seconds(5))
        }
        guard sweep.outcome == .complete else {
            try await ClientSweep.forget(sweep.id, in: context.store.database)
            return .snooze(.seconds(5))
        }
        CrashPoint.reached("after-sweep")
        let counts = try await settle(with: sweep, context)
        CrashPoint.reached("after-settle")
        context.logger.info(
            "Settled calls whose answer was lost",
            metadata: ["adopted": "\(counts.adopted)", "unclear": "\(counts.unclear)", "absent": "\(counts.absent)"]
        )
        return .snooze(try await nextDue(context) ?? .zero)
    }

    /// - Returns: how long until a row may be settled; `nil` when none is uncertain.
    private func nextDue(_ context: JobContext) async throws -> Duration? {
        let rows = try await context.write(
            // Calls whose worker vanished and whose job will not come back.
            """
            UPDATE factpulse.bulk_rows r SET state = 'uncertain', updated_at = now()
             WHERE r.state = 'sending' AND r.operation = 'create-clients'
               AND NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = r.job_id AND l.token = r.token)
               AND NOT EXISTS (SELECT FROM queue.jobs j WHERE j.id = r.job_id AND j.state = 'pending')
            """,
            """
            SELECT min(extract(epoch FROM greatest(settle_until, absent_at + \(times.betweenAbsences)::interval) - now()))::float8
              FROM factpulse.bulk_rows WHERE state = 'uncertain' AND operation = 'create-clients'
            """
        )
        return try rows[1][0].decode(at: 0, as: Double?.self).map { .seconds(max(0, $0)) }
    }

    /// A client that is already another row's is no candidate.
    private static let isNobodys: SQL =
        "NOT EXISTS (SELECT FROM factpulse.bulk_rows o WHERE o.uid = c.uid AND o.state = 'done')"

    private func settle(with sweep: ClientSweep.Result, _ context: JobContext) async throws -> (
        adopted: Int, unclear: Int, absent: Int
    ) {
        try await context.transaction { transaction in
            try await ClientSweep.confirm(sweep, in: transaction)
            // Without a SIRET a name proves nothing: it only forbids to create again.
            let rows = try await transaction.query(
                """
                WITH due AS (
                    SELECT r.*, s.began_at
                      FROM factpulse.bulk_rows r, factpulse.sweeps s
                     WHERE r.state = 'uncertain' AND r.operation = 'create-clients' AND s.id = \(sweep.id)
                       AND r.settle_until <= s.began_at
                       AND (r.absent_at IS NULL OR r.absent_at + \(times.betweenAbsences)::interval <= s.began_at)
                       FOR UPDATE OF r
                ), found AS (
                    -- Subqueries and no join: only an index can answer them, whatever the statistics say.
                    SELECT d.run_id, d.row, d.siret,
                           CASE WHEN d.siret IS NOT NULL THEN
                                     (SELECT array_agg(c.uid ORDER BY c.created_at) FROM factpulse.sightings c
                                       WHERE c.sweep_id = \(sweep.id) AND c.siret = d.siret AND \(Self.isNobodys))
                                ELSE (SELECT array_agg(c.uid ORDER BY c.created_at) FROM factpulse.sightings c
                                       WHERE c.sweep_id = \(sweep.id) AND c.name_key = d.name_key AND \(Self.isNobodys)
                                         AND c.created_at >= d.sent_at - interval '5 minutes') END AS uids
                      FROM due d
                ), judged AS (
                    SELECT f.*, CASE WHEN f.uids IS NULL THEN 'absent'
                                     WHEN f.siret IS NOT NULL AND cardinality(f.uids) = 1 THEN 'adopted'
                                     ELSE 'unclear' END AS verdict
                      FROM found f
                )
                UPDATE factpulse.bulk_rows r
                   SET state = CASE j.verdict WHEN 'adopted' THEN 'done' WHEN 'unclear' THEN 'needs_review'
                               ELSE CASE WHEN r.absences = 0 THEN 'uncertain'
                                         WHEN b.state = 'cancelled' THEN 'skipped' ELSE 'ready' END END,
                       uid = CASE j.verdict WHEN 'adopted' THEN j.uids[1] END,
                       adopted = j.verdict = 'adopted',
                       candidates = CASE j.verdict WHEN 'unclear' THEN j.uids END,
                       absences = CASE j.verdict WHEN 'absent' THEN r.absences + 1 ELSE r.absences END,
                       absent_at = CASE j.verdict WHEN 'absent' THEN s.began_at END,
                       error_code = CASE j.verdict WHEN 'adopted' THEN NULL
                                    WHEN 'unclear' THEN CASE WHEN r.siret IS NULL THEN 'ONLY_NAME_MATCHES' ELSE 'SEVERAL_MATCH' END
                                    ELSE r.error_code END,
                       error = CASE j.verdict WHEN 'adopted' THEN NULL
                               WHEN 'unclear' THEN 'the answer to the create call was lost; see candidates and decide: bulk-runs resolve'
                               ELSE r.error END,
                       updated_at = now()
                  FROM judged j, factpulse.sweeps s, factpulse.bulk_runs b
                 WHERE r.run_id = j.run_id AND r.row = j.row AND s.id = \(sweep.id) AND b.id = r.run_id
                RETURNING j.verdict, CASE WHEN r.state = 'ready' THEN \(ReleaseRow.enqueue(run: "r.run_id", row: "r.row")) END
                """
            )
            try await ClientSweep.forget(sweep.id, in: transaction)
            let verdicts = try rows.map { try $0.decode("verdict", as: String.self) }
            func count(_ verdict: String) -> Int { verdicts.count { $0 == verdict } }
            return (count("adopted"), count("unclear"), count("absent"))
        }
    }
}

/// A further job for one row whose first one has ended.
enum ReleaseRow {
    /// SQL that makes sure such a job exists; `run` and `row` are SQL too.
    static func enqueue(run: SQL, row: SQL) -> SQL {
        """
        queue.enqueue('create-client', jsonb_build_object('run', \(run), 'row', \(row)), unique_key => \(run) || ':' || \(row))
        """
    }
}
