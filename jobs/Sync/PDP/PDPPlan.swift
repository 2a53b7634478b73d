import JobQueue
import Postgres

/// Which clients' status is read, in which order.
struct PDPPlan: Sendable {
    /// Calls that one client costs: a token, its configuration, its webhook secret.
    static let callsPerClient = 3
    /// So many slices share the work at least, where there is enough of it; and none is larger than that: what is under way
    /// when a worker dies is read again, one client a slice.
    private static let leastSlices = 4
    private static let slice = 250
    private static let smallestSlice = 25
    /// Plans are expected to follow each other at least so often in the time that a status may become old.
    private static let plansInMaxAge = 24.0

    let account: Int64
    /// The account's and its rate limit's.
    let name: String
    let maxAge: Duration
    /// Reads what is fresh too.
    let isForAll: Bool

    func make(job: Int64, in transaction: Transaction) async throws -> SyncPDP.Report {
        // Two plans would both make jobs for one client.
        try await transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('factpulse.pdp', \(account)::bigint))"
        )
        let written = try await writeUnconfigured(in: transaction)
        try await dropOrphans(in: transaction)
        let (clients, configured, rate) = try await transaction.query(
            """
            SELECT count(*), count(*) FILTER (WHERE has_config_pdp), (SELECT rate FROM queue.rate_limits WHERE name = \(name))
              FROM factpulse.clients WHERE account_id = \(account) AND _deleted_at IS NULL
            """
        )[0].decode((Int.self, Int.self, Double?.self))
        let time = rate.map { Double(configured * Self.callsPerClient) / $0 } ?? 0
        let warning = warning(configured: configured, seconds: time)
        let sync = try await transaction.query(
            """
            INSERT INTO factpulse.pdp_syncs (account_id, job_id, clients, configured, due, warning)
            VALUES (\(account), \(job), \(clients), \(configured), 0, \(warning)) RETURNING id
            """
        )[0].decode(at: 0, as: Int64.self)
        // What would become too old before the next plan, or while all are read.
        let margin = min(max(maxAge / Self.plansInMaxAge, .seconds(time)), maxAge / 2)
        let due = try await choose(sync, olderThan: maxAge - margin, in: transaction)
        return SyncPDP.Report(
            sync: sync,
            clients: clients,
            configured: configured,
            due: due,
            written: written,
            warning: warning
        )
    }

    private func warning(configured: Int, seconds: Double) -> String? {
        guard .seconds(seconds) > maxAge else { return nil }
        let hours = (seconds / 360).rounded() / 10
        return
            "The PDP status of \(configured) clients cannot be kept as fresh as promised: reading them once takes \(hours) hours at "
            + "this rate; raise FACTPULSE_RATE_LIMIT or FACTPULSE_PDP_MAX_AGE"
    }

    /// Clients of which the list says that they have no configuration. Only rows that differ.
    private func writeUnconfigured(in transaction: Transaction) async throws -> Int {
        let rows = try await transaction.query(
            """
            INSERT INTO factpulse.pdp_status AS p (uid, state, _source, _checked_at, _client_hash, _changed_at, _row_hash)
            SELECT c.uid, 'not_configured', 'list', now(), c._row_hash, now(), 'not_configured'
              FROM factpulse.clients c LEFT JOIN factpulse.pdp_status s ON s.uid = c.uid
             WHERE c.account_id = \(account) AND c._deleted_at IS NULL AND NOT c.has_config_pdp
               AND (s.uid IS NULL OR s.state <> 'not_configured')
            ON CONFLICT (uid) DO UPDATE
               SET state = excluded.state, _source = 'list', _checked_at = now(), _client_hash = excluded._client_hash, _changed_at = now(),
                   _row_hash = excluded._row_hash, is_active = NULL, mode_sandbox = NULL, flow_service_url = NULL, token_url = NULL,
                   oauth_client_id = NULL, encryption_mode = NULL, secret_status = NULL, requires_client_key = NULL, last_test_at = NULL,
                   last_test_success = NULL, last_test_error = NULL, config_created_at = NULL, config_updated_at = NULL,
                   has_webhook_secret = NULL, webhook_secret_created_at = NULL
            RETURNING uid::text
            """
        )
        let uids = try rows.map { try $0.decode(at: 0, as: String.self) }
        if !uids.isEmpty { try await transaction.pipeline(PDPHistory.follow(uids)) }
        return uids.count
    }

    /// Clients that are no longer to be read, and those whose slice has ended without reading them.
    private func dropOrphans(in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            DELETE FROM factpulse.pdp_due d USING factpulse.clients c
             WHERE c.uid = d.uid AND c.account_id = \(account)
               AND (c._deleted_at IS NOT NULL OR NOT c.has_config_pdp
                    OR NOT EXISTS (SELECT FROM queue.unique_keys u
                                    WHERE u.kind = \(SyncPDPSlice.kind) AND u.key = d.sync_id || ':' || d.slice))
            """
        )
    }

    /// - Returns: how many are due and not yet another plan's.
    private func choose(_ sync: Int64, olderThan age: Duration, in transaction: Transaction) async throws -> Int {
        let rows = try await transaction.query(
            """
            WITH due AS (
                SELECT c.uid, row_number() OVER (ORDER BY s.uid IS NULL OR s._client_hash <> c._row_hash DESC, s._checked_at, c.uid) AS place,
                       count(*) OVER () AS total
                  FROM factpulse.clients c LEFT JOIN factpulse.pdp_status s ON s.uid = c.uid
                 WHERE c.account_id = \(account) AND c._deleted_at IS NULL AND c.has_config_pdp
                   AND (\(isForAll)::boolean OR s.uid IS NULL OR s._source = 'list' OR s._client_hash <> c._row_hash
                        OR s._checked_at < now() - \(age)::interval)
                   AND NOT EXISTS (SELECT FROM factpulse.pdp_due d WHERE d.uid = c.uid)
            )
            INSERT INTO factpulse.pdp_due (uid, sync_id, slice, place)
            SELECT uid, \(sync)::bigint,
                   (place - 1) / greatest(least((total + \(Self.leastSlices - 1)::int) / \(Self.leastSlices)::int, \(Self.slice)::int), \(Self.smallestSlice)::int),
                   place
              FROM due
            RETURNING slice
            """
        )
        let slices = Set(try rows.map { try $0.decode(at: 0, as: Int.self) }).sorted()
        try await transaction.execute(
            """
            SELECT queue.enqueue(\(SyncPDPSlice.kind), jsonb_build_object('sync', \(sync)::bigint, 'slice', slice),
                                 unique_key => \(sync)::bigint || ':' || slice)
              FROM unnest(\(slices)::int[]) AS s (slice)
            """
        )
        try await transaction.execute("UPDATE factpulse.pdp_syncs SET due = \(rows.count) WHERE id = \(sync)")
        return rows.count
    }
}
