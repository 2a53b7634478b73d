import JobQueue
import Postgres

/// Compares a slice of staged rows with the clients that the server and earlier runs have, and makes the rest ready.
///
/// Holds the account's comparison lock to the end of its transaction: of two runs with the same client, the second sees
/// the first one's rows.
struct Comparison: Sendable {
    static let sentByAnotherRun = "SENT_BY_ANOTHER_RUN"

    let run: LockedRun
    /// The rows of the slice.
    let rows: ClosedRange<Int64>
    let sweep: Int64

    /// SQL that takes an account's comparison lock.
    static func lock(_ account: Int64) -> SQL {
        "SELECT pg_advisory_xact_lock(hashtextextended('factpulse.comparison', \(account)::bigint))"
    }

    /// - Returns: the numbers of the rows that are ready.
    func makeReady(in transaction: Transaction) async throws -> [Int64] {
        try await transaction.execute(Self.lock(run.accountID))
        // In this order: a row that is in flight now may be done by the next statement, but not the other way round.
        try await markImported(in: transaction)
        try await markRepeated(in: transaction)
        try await markInFlight(in: transaction)
        try await markKnown(in: transaction)
        try await warn(in: transaction)
        try await markNamesakes(in: transaction)
        let ready = try await transaction.query(
            "UPDATE factpulse.bulk_rows SET state = 'ready', uid = NULL, updated_at = now() WHERE \(staged) RETURNING row"
        )
        return try ready.map { try $0.decode(at: 0, as: Int64.self) }
    }

    // What is looked up for each row stands in a subquery of its own, which only an index can answer. A join would be
    // planned by statistics, and those of rows that were staged a moment ago are missing or wrong.

    /// Both ends: the index remembers the rows of the slices before, until a vacuum.
    private var staged: SQL { inSlice("'staged'") }

    private func inSlice(_ state: SQL) -> SQL {
        "run_id = \(run.id) AND row BETWEEN \(rows.lowerBound) AND \(rows.upperBound) AND state = \(state)"
    }

    /// A row of a result file that had become a client still is one, though its SIRET is missing or was corrected.
    private func markImported(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r SET state = 'exists', updated_at = now()
             WHERE \(staged) AND EXISTS (SELECT FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.uid = r.uid)
            """
        )
    }

    /// Rows that say that they had become one and the same client: the first one stands for all.
    private func markRepeated(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'duplicate', uid = NULL, error_code = 'SAME_CLIENT', updated_at = now(),
                   error = 'line ' || k.line || ' names the same client in _uid: clear the cell of a row that is another company'
              FROM (SELECT s.row, (SELECT o.line FROM factpulse.bulk_rows o
                                    WHERE o.uid = s.uid AND o.run_id = s.run_id AND o.row < s.row AND o.state = 'exists'
                                    ORDER BY o.row LIMIT 1) AS line
                      FROM factpulse.bulk_rows s WHERE \(inSlice("'exists'"))) k
             WHERE r.run_id = \(run.id) AND r.row = k.row AND k.line IS NOT NULL
            """
        )
    }

    private func markInFlight(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'duplicate', uid = NULL, error_code = \(Self.sentByAnotherRun), error = k.error, updated_at = now()
              FROM (SELECT s.run_id, s.row,
                           (SELECT 'line ' || o.line || ' of run ' || o.run_id || ' is creating a client with this SIRET; if that does not come to be: bulk-runs retry'
                              FROM factpulse.bulk_rows o
                             WHERE o.account_id = s.account_id AND o.siret = s.siret AND o.operation = 'create-clients'
                               AND o.state IN ('ready', 'sending', 'uncertain', 'needs_review')) AS error
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.error IS NOT NULL
            """
        )
    }

    /// One SIRET, one client: the oldest, should there be several. Rows of earlier runs count too, for a list may lag
    /// behind a create.
    private func markKnown(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r SET state = 'exists', uid = k.uid, updated_at = now()
              FROM (SELECT s.run_id, s.row,
                           (SELECT known.uid
                              FROM (SELECT c.uid, c.created_at FROM factpulse.sightings c
                                     WHERE c.sweep_id = \(sweep) AND c.siret = s.siret
                                    UNION ALL
                                    SELECT o.uid, o.updated_at FROM factpulse.bulk_rows o
                                     WHERE o.account_id = s.account_id AND o.siret = s.siret
                                       AND o.operation = 'create-clients' AND o.state = 'done') known
                             ORDER BY known.created_at LIMIT 1) AS uid
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.uid IS NOT NULL
            """
        )
    }

    /// Says what a person should know of clients that exist: whoever reads "exists" takes them for what the row asks for.
    private func warn(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r SET error_code = k.told[1], error = k.told[2], updated_at = now()
              FROM (SELECT s.row,
                           (SELECT ARRAY[concat_ws(' ', CASE WHEN c.name_key <> s.name_key THEN 'EXISTS_OTHER_NAME' END,
                                                        CASE WHEN s.siret <> c.siret OR s.siret IS NOT NULL AND c.siret IS NULL THEN 'EXISTS_OTHER_SIRET' END,
                                                        CASE WHEN NOT c.is_active THEN 'EXISTS_INACTIVE' END),
                                         concat_ws('; ', CASE WHEN c.name_key <> s.name_key THEN 'FactPulse calls it "' || c.name || '"' END,
                                                         CASE WHEN s.siret <> c.siret OR s.siret IS NOT NULL AND c.siret IS NULL
                                                              THEN 'there its SIRET is ' || coalesce(c.siret, 'missing') END,
                                                         CASE WHEN NOT c.is_active THEN 'it is inactive; to use it: bulk activate' END)]
                              FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.uid = s.uid) AS told
                      FROM factpulse.bulk_rows s WHERE \(inSlice("'exists'"))) k
             WHERE r.run_id = \(run.id) AND r.row = k.row AND k.told[1] <> ''
            """
        )
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET error_code = concat_ws(' ', r.error_code, 'EXISTS_TWICE'), candidates = k.twins, updated_at = now(),
                   error = concat_ws('; ', r.error, cardinality(k.twins) || ' clients have this SIRET, this is the oldest; see the candidates')
              FROM (SELECT s.row, ARRAY(SELECT c.uid FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.siret = s.siret
                                         ORDER BY c.created_at) AS twins
                      FROM factpulse.bulk_rows s WHERE \(inSlice("'exists'"))) k
             WHERE r.run_id = \(run.id) AND r.row = k.row AND cardinality(k.twins) > 1 AND strpos(coalesce(r.error_code, ''), 'EXISTS_TWICE') = 0
            """
        )
    }

    /// Where the row or the client has no SIRET only the name can match, and a name proves nothing: a person decides. Not
    /// about the names of this same run, which the check of the file has judged.
    private func markNamesakes(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'needs_review', uid = NULL, candidates = k.uids, error_code = 'SAME_NAME_EXISTS', updated_at = now(),
                   error = 'a client of this name exists, and ' || CASE WHEN r.siret IS NULL THEN 'the row' ELSE 'that client' END
                           || ' has no SIRET; look at the candidates and decide: bulk-runs resolve'
              FROM (SELECT s.run_id, s.row,
                           (SELECT array_agg(c.uid ORDER BY c.created_at) FROM factpulse.sightings c
                             WHERE c.sweep_id = \(sweep) AND c.name_key = s.name_key AND (s.siret IS NULL OR c.siret IS NULL)
                               AND NOT EXISTS (SELECT FROM factpulse.bulk_rows o
                                                WHERE o.uid = c.uid AND o.run_id = s.run_id AND o.state = 'done')) AS uids
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.uids IS NOT NULL
            """
        )
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'needs_review', uid = NULL, candidates = k.uids, error_code = 'SAME_NAME_IN_ANOTHER_RUN', updated_at = now(),
                   error = k.place || '; see what became of it and decide: bulk-runs resolve'
              FROM (SELECT s.run_id, s.row, \(namesake("CASE WHEN o.uid IS NOT NULL THEN ARRAY[o.uid] END")) AS uids,
                           \(namesake("""
                               'line ' || o.line || ' of run ' || o.run_id || ' has this name, and '
                               || CASE WHEN o.siret IS NULL AND s.siret IS NULL THEN 'neither has a SIRET' ELSE 'one of the two has no SIRET' END
                               """)) AS place
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.place IS NOT NULL
            """
        )
    }

    /// What is selected of the first row `o` of another run that only its name connects with the row `s`.
    private func namesake(_ selected: SQL) -> SQL {
        """
        (SELECT \(selected) FROM factpulse.bulk_rows o
          WHERE o.account_id = s.account_id AND o.name_key = s.name_key AND o.run_id <> s.run_id
            AND o.operation = 'create-clients' AND (s.siret IS NULL OR o.siret IS NULL)
            AND o.state IN ('ready', 'sending', 'uncertain', 'needs_review', 'done')
          ORDER BY o.run_id, o.row LIMIT 1)
        """
    }
}
