import JobQueue
import Postgres

/// Finds the client of each staged row in the list of clients, and makes the rows ready that have one.
struct ClientMatch: Sendable {
    let run: LockedRun
    /// The rows of the slice.
    let rows: ClosedRange<Int64>
    let sweep: Int64

    /// - Returns: the numbers of the rows that are ready.
    func makeReady(in transaction: Transaction) async throws -> [Int64] {
        try await find(in: transaction)
        try await markRepeated(in: transaction)
        let ready = try await transaction.query(
            """
            UPDATE factpulse.bulk_rows r
               SET state = CASE WHEN k.is_so THEN 'exists' ELSE 'ready' END, baseline = k.updated_at, updated_at = now()
              FROM (SELECT s.row, (SELECT c.updated_at FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.uid = s.uid) AS updated_at,
                           coalesce(\(isSo), false) AS is_so
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = \(run.id) AND r.row = k.row
            RETURNING CASE WHEN r.state = 'ready' THEN r.row END
            """
        )
        return try ready.compactMap { try $0.decode(at: 0, as: Int64?.self) }
    }

    private var staged: SQL {
        "s.run_id = \(run.id) AND s.row BETWEEN \(rows.lowerBound) AND \(rows.upperBound) AND s.state = 'staged'"
    }

    /// Whether the list says that there is nothing to do.
    private var isSo: SQL {
        switch run.operation {
        case .activate, .deactivate:
            """
            (SELECT c.is_active = \(run.operation == .activate) FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.uid = s.uid)
            """
        case .updateClients: "s.fields = '{}'"
        case .createClients, .configurePDP, .rotateKeys, .generateWebhookSecrets: "false"
        }
    }

    /// By the uid, or else by the SIRET. A uid that the list does not show is left to the call to find out: nobody
    /// promises that the list shows deactivated clients.
    private func find(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET uid = coalesce(r.uid, k.found[1]), updated_at = now(),
                   state = CASE WHEN k.verdict IS NULL THEN 'staged' WHEN k.verdict = 'AMBIGUOUS_SIRET' THEN 'needs_review' ELSE 'failed' END,
                   candidates = CASE WHEN k.verdict = 'AMBIGUOUS_SIRET' THEN k.found END,
                   error_code = k.verdict,
                   error = CASE k.verdict
                           WHEN 'CLIENT_NOT_FOUND' THEN 'no client of this account has this SIRET; correct it, or write the uid'
                           WHEN 'UID_AND_SIRET_DISAGREE' THEN 'the client with this uid has another SIRET: ' || k.siret || '; correct one of the two'
                           WHEN 'AMBIGUOUS_SIRET' THEN 'several clients have this SIRET; see candidates and decide: bulk-runs resolve' END
              FROM (SELECT f.*, CASE WHEN f.uid IS NOT NULL AND f.siret <> f.wanted THEN 'UID_AND_SIRET_DISAGREE'
                                     WHEN f.uid IS NOT NULL THEN NULL
                                     WHEN cardinality(f.found) = 0 THEN 'CLIENT_NOT_FOUND'
                                     WHEN cardinality(f.found) > 1 THEN 'AMBIGUOUS_SIRET' END AS verdict
                      FROM (SELECT s.row, s.uid, s.siret AS wanted,
                                   (SELECT c.siret FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.uid = s.uid) AS siret,
                                   ARRAY(SELECT c.uid FROM factpulse.sightings c WHERE c.sweep_id = \(sweep) AND c.siret = s.siret
                                          ORDER BY c.created_at, c.uid) AS found
                              FROM factpulse.bulk_rows s WHERE \(staged)) f) k
             WHERE r.run_id = \(run.id) AND r.row = k.row
            """
        )
    }

    /// Two rows for one client, one by its uid and one by its SIRET: in which order, only the file's owner knows.
    private func markRepeated(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'duplicate', error_code = 'SAME_CLIENT', error = 'line ' || k.line || ' is about the same client: keep one of them',
                   updated_at = now()
              FROM (SELECT s.row, (SELECT o.line FROM factpulse.bulk_rows o
                                    WHERE o.uid = s.uid AND o.run_id = s.run_id AND o.row < s.row
                                      AND o.state NOT IN ('rejected', 'duplicate', 'failed', 'skipped')
                                    ORDER BY o.row LIMIT 1) AS line
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = \(run.id) AND r.row = k.row AND k.line IS NOT NULL
            """
        )
    }
}
