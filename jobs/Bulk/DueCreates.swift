import JobQueue
import Postgres

/// The rows of an account whose create call was left without an answer.
struct DueCreates: Sendable {
    /// Calls after which a row whose client is proven absent is not sent again by itself.
    private static let maximumCalls = 3

    /// A client that another row has created is no candidate. Only rows of create-clients have a name: said by the
    /// operation, the planner would answer it from an index without the uid.
    private static let isNobodys: SQL =
        "NOT EXISTS (SELECT FROM factpulse.bulk_rows o WHERE o.uid = c.uid AND o.state = 'done' AND o.name IS NOT NULL)"

    let account: Int64
    let times: SettleTimes

    /// - Returns: whose they are, and how long until one may be settled, zero at least; `nil` when none is uncertain.
    func next(_ context: JobContext) async throws -> (owner: String, wait: Duration)? {
        let rows = try await context.write(
            // Calls whose worker vanished and whose job will not come back; and calls of whoever, which nobody waits for
            // any longer.
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'uncertain', error_code = 'ANSWER_LOST', error = 'the worker that made the call vanished', updated_at = now()
             WHERE r.state = 'sending' AND r.operation = 'create-clients' AND r.account_id = \(account)
               AND (r.settle_until < now()
                    OR NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = r.job_id AND l.token = r.token)
                   AND NOT EXISTS (SELECT FROM queue.jobs j WHERE j.id = r.job_id AND j.state = 'pending'))
            """,
            """
            SELECT a.name, min(extract(epoch FROM greatest(r.settle_until, r.absent_at + \(times.betweenAbsences)::interval) - now()))::float8
              FROM factpulse.bulk_rows r JOIN factpulse.accounts a ON a.id = r.account_id
             WHERE r.state = 'uncertain' AND r.operation = 'create-clients' AND r.account_id = \(account)
             GROUP BY a.name
            """
        )[1]
        guard let row = rows.first else { return nil }
        let (owner, seconds) = try row.decode((String.self, Double.self))
        return (owner, .seconds(max(0, seconds)))
    }

    /// Gives every row that is due a verdict by what a complete sweep saw, and forgets the sweep.
    ///
    /// The row's SIRET on exactly one client settles it. A client that shows no SIRET, or a row without one, can only
    /// match by name: that proves nothing, but forbids to create again. A client that is another row's is no candidate.
    /// - Returns: how many rows got each verdict.
    func settle(with sweep: Int64, _ context: JobContext) async throws -> [String: Int] {
        try await context.transaction { transaction in
            try await ClientSweep.confirm(sweep, in: transaction)
            let rows = try await transaction.query(
                """
                WITH due AS MATERIALIZED (
                    SELECT r.run_id, r.row, r.siret, r.name_key, r.sent_at, r.attempt, r.absences, s.began_at
                      FROM factpulse.bulk_rows r, factpulse.sweeps s
                     WHERE r.state = 'uncertain' AND r.operation = 'create-clients' AND r.account_id = \(account)
                       AND s.id = \(sweep) AND r.settle_until <= s.began_at
                       AND (r.absent_at IS NULL OR r.absent_at + \(times.betweenAbsences)::interval <= s.began_at)
                       FOR UPDATE OF r
                ), found AS (
                    -- Subqueries and no join: only an index can answer them, whatever the statistics say.
                    SELECT d.*,
                           ARRAY(SELECT c.uid FROM factpulse.sightings c
                                  WHERE c.sweep_id = \(sweep) AND c.siret = d.siret AND \(Self.isNobodys)
                                  ORDER BY c.created_at) AS same_siret,
                           -- A day, for the server's clock and its time zone are not ours.
                           ARRAY(SELECT c.uid FROM factpulse.sightings c
                                  WHERE c.sweep_id = \(sweep) AND c.name_key = d.name_key AND (c.siret IS NULL OR d.siret IS NULL)
                                    AND c.created_at >= d.sent_at - interval '1 day' AND \(Self.isNobodys)
                                  ORDER BY c.created_at) AS namesakes
                      FROM due d
                ), judged AS (
                    SELECT f.*,
                           CASE WHEN cardinality(f.same_siret) > 1 THEN 'several'
                                WHEN f.same_siret <> '{}' AND (SELECT c.created_at FROM factpulse.sightings c
                                                                WHERE c.sweep_id = \(sweep) AND c.uid = f.same_siret[1])
                                                              < f.sent_at - interval '1 day' THEN 'exists'
                                WHEN f.same_siret <> '{}' THEN 'adopted'
                                WHEN f.namesakes <> '{}' THEN 'namesake'
                                WHEN f.absences = 0 THEN 'absent_once'
                                WHEN b.state = 'cancelled' THEN 'cancelled'
                                WHEN f.attempt >= \(Self.maximumCalls) THEN 'never_created'
                                ELSE 'absent' END AS verdict
                      FROM found f JOIN factpulse.bulk_runs b ON b.id = f.run_id
                )
                UPDATE factpulse.bulk_rows r
                   SET state = CASE j.verdict WHEN 'adopted' THEN 'done' WHEN 'exists' THEN 'exists'
                               WHEN 'several' THEN 'needs_review' WHEN 'namesake' THEN 'needs_review'
                               WHEN 'absent_once' THEN 'uncertain' WHEN 'cancelled' THEN 'skipped'
                               WHEN 'never_created' THEN 'failed' ELSE 'ready' END,
                       uid = CASE WHEN j.verdict IN ('adopted', 'exists') THEN j.same_siret[1] END,
                       adopted = j.verdict = 'adopted',
                       candidates = CASE j.verdict WHEN 'several' THEN j.same_siret WHEN 'namesake' THEN j.namesakes END,
                       absences = CASE WHEN j.verdict = 'absent_once' THEN 1 ELSE r.absences END,
                       absent_at = CASE WHEN j.verdict = 'absent_once' THEN j.began_at ELSE r.absent_at END,
                       error_code = CASE j.verdict WHEN 'several' THEN 'SEVERAL_MATCH' WHEN 'namesake' THEN 'ONLY_NAME_MATCHES'
                                    WHEN 'never_created' THEN 'NEVER_CREATED' WHEN 'absent_once' THEN r.error_code END,
                       error = CASE WHEN j.verdict IN ('several', 'namesake')
                                    THEN 'the answer to the create call was lost; see candidates and decide: bulk-runs resolve'
                                    WHEN j.verdict = 'never_created'
                                    THEN 'the answer was lost ' || r.attempt || ' times and the client is not there; to go on: bulk-runs retry; '
                                         || coalesce(r.error, '')
                                    WHEN j.verdict = 'absent_once' THEN r.error END,
                       updated_at = now()
                  FROM judged j
                 WHERE r.run_id = j.run_id AND r.row = j.row
                RETURNING j.verdict, CASE WHEN r.state = 'ready' THEN \(ReleaseRow.enqueue(run: "r.run_id", row: "r.row")) END
                """
            )
            try await ClientSweep.forget(sweep, in: transaction)
            let verdicts = try rows.map { try $0.decode("verdict", as: String.self) }
            return Dictionary(grouping: verdicts, by: \.self).mapValues(\.count)
        }
    }

    /// Gives the rows that are due to a person, with the clients that an incomplete sweep saw, and forgets the sweep.
    func leaveToPerson(_ sweep: Int64, _ reason: String, _ context: JobContext) async throws {
        try await context.transaction { transaction in
            try await ClientSweep.confirm(sweep, in: transaction)
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_rows r
                   SET state = 'needs_review', error_code = 'LIST_INCOMPLETE', updated_at = now(),
                       error = 'the answer to the create call was lost, and ' || \(reason)::text
                               || '; look for the client, and decide: bulk-runs resolve',
                       candidates = nullif(ARRAY(SELECT c.uid FROM factpulse.sightings c
                                                  WHERE c.sweep_id = \(sweep) AND \(Self.isNobodys)
                                                    AND (c.siret = r.siret OR c.name_key = r.name_key AND (c.siret IS NULL OR r.siret IS NULL))
                                                  ORDER BY c.created_at), '{}')
                  FROM factpulse.sweeps s
                 WHERE r.state = 'uncertain' AND r.operation = 'create-clients' AND r.account_id = \(account)
                   AND s.id = \(sweep) AND r.settle_until <= s.began_at
                """
            )
            try await ClientSweep.forget(sweep, in: transaction)
        }
    }
}

/// A further job for one row whose first one has ended.
enum ReleaseRow {
    /// SQL that makes sure such a job exists; `run`, `row` and `uid`, the client if it is known, are SQL too.
    static func enqueue(_ kind: JobKind = CreateClient.kind, run: SQL, row: SQL, uid: SQL = "NULL::uuid") -> SQL {
        """
        queue.enqueue(\(kind), jsonb_build_object('run', \(run), 'row', \(row)), unique_key => \(run) || ':' || \(row),
                      concurrency_key => 'client:' || \(uid))
        """
    }

    /// The concurrency keys of jobs for rows whose clients are known, in order.
    static func keys(run: Int64, rows: [Int64], in transaction: Transaction) async throws -> [String?] {
        let keys = try await transaction.query(
            """
            SELECT 'client:' || r.uid
              FROM unnest(\(rows)::bigint[]) WITH ORDINALITY AS o (row, place)
              JOIN factpulse.bulk_rows r ON r.run_id = \(run) AND r.row = o.row
             ORDER BY o.place
            """
        )
        return try keys.map { try $0.decode(at: 0, as: String?.self) }
    }
}
