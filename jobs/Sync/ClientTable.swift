import JobQueue
import Postgres

/// Brings what a sweep saw into `factpulse.clients` and `factpulse.client_history`, in one transaction: nobody sees half
/// of it.
struct ClientTable: Sendable {
    /// For one statement of a large account.
    private static let deadline = Duration.seconds(600)

    /// What a sweep changed, in clients.
    struct Changes: Sendable, Equatable {
        var appeared = 0
        var changed = 0
        var revived = 0
        /// Not in a complete list, and not yet proven gone.
        var missing = 0
    }

    let account: Int64

    /// Applies a sweep and forgets what it saw. Writes only rows that differ.
    /// - Returns: what changed; `nil` when a later sweep was applied before, so that this one tells nothing new.
    /// - Throws: ``LeaseLost``; ``ClientSweep/Lost``. Nothing was written then.
    func apply(_ sweep: ClientSweep.Result, _ context: JobContext) async throws -> Changes? {
        try await context.transaction { transaction in
            try await transaction.pipeline([
                "SET LOCAL statement_timeout = 0",
                "SELECT pg_advisory_xact_lock(hashtextextended('factpulse.clients', \(account)::bigint))",
            ])
            try await ClientSweep.confirm(sweep.id, in: transaction)
            let later = try await transaction.query(
                """
                SELECT FROM factpulse.sweeps s, factpulse.sweeps later
                 WHERE s.id = \(sweep.id) AND later.account_id = \(account) AND later.applied_at IS NOT NULL AND later.began_at > s.began_at
                """
            )
            guard later.isEmpty else {
                try await ClientSweep.forget(sweep.id, in: transaction)
                return nil
            }
            var changes = try await write(sweep.id, in: transaction)
            if sweep.outcome == .complete { try await markMissing(sweep.id, in: transaction) }
            changes.missing = try await note(changes, of: sweep.id, in: transaction)
            try await ClientSweep.forget(sweep.id, in: transaction)
            return changes
        }
    }

    /// Ends the versions that are no longer current, then writes what differs and its new versions.
    private func write(_ sweep: Int64, in transaction: Transaction) async throws -> Changes {
        try await transaction.execute(
            """
            UPDATE factpulse.client_history h SET valid_to = greatest(now(), h.valid_from + interval '1 microsecond')
              FROM factpulse.sightings s JOIN factpulse.clients c ON c.uid = s.uid
             WHERE s.sweep_id = \(sweep) AND c._row_hash <> s.row_hash AND h.uid = c.uid AND h.valid_to IS NULL
            """,
            deadline: Self.deadline
        )
        let rows = try await transaction.query(
            """
            WITH differing AS MATERIALIZED (
                -- A join and no conflict: a row that meets one is locked, and that is written, though nothing changes.
                SELECT s.*, CASE WHEN c.uid IS NULL THEN 'appeared' WHEN c._deleted_at IS NOT NULL THEN 'revived'
                                 WHEN c._row_hash <> s.row_hash THEN 'changed' ELSE 'found' END AS kind
                  FROM factpulse.sightings s LEFT JOIN factpulse.clients c ON c.uid = s.uid
                 WHERE s.sweep_id = \(sweep)
                   AND (c.uid IS NULL OR c._row_hash <> s.row_hash OR c._deleted_at IS NOT NULL OR c._missing_since IS NOT NULL
                        OR c.account_id <> \(account))
            ), written AS (
                INSERT INTO factpulse.clients (uid, account_id, name, siret, description, is_active, has_config_pdp, pdp_is_active, pdp_is_mock,
                                               has_config_chorus, created_at, updated_at, _first_seen_at, _synced_at, _row_hash)
                SELECT uid, \(account)::int, name, shown_siret, description, is_active, has_config_pdp, pdp_is_active, pdp_is_mock,
                       has_config_chorus, created_at, updated_at, now(), now(), row_hash
                  FROM differing
                ON CONFLICT (uid) DO UPDATE
                   SET account_id = excluded.account_id, name = excluded.name, siret = excluded.siret,
                       description = excluded.description, is_active = excluded.is_active,
                       has_config_pdp = excluded.has_config_pdp, pdp_is_active = excluded.pdp_is_active,
                       pdp_is_mock = excluded.pdp_is_mock, has_config_chorus = excluded.has_config_chorus,
                       created_at = excluded.created_at, updated_at = excluded.updated_at, _synced_at = excluded._synced_at,
                       _missing_since = NULL, _deleted_at = NULL, _row_hash = excluded._row_hash
            ), told AS (
                INSERT INTO factpulse.client_history (uid, valid_from, change_type, name, siret, description, is_active, has_config_pdp,
                                                      pdp_is_active, pdp_is_mock, has_config_chorus, created_at, updated_at)
                SELECT uid, greatest(now(), (SELECT max(h.valid_to) FROM factpulse.client_history h WHERE h.uid = d.uid)), kind, name,
                       shown_siret, description, is_active, has_config_pdp, pdp_is_active, pdp_is_mock, has_config_chorus,
                       created_at, updated_at
                  FROM differing d
                 WHERE kind <> 'found'
            )
            SELECT count(*) FILTER (WHERE kind = 'appeared'), count(*) FILTER (WHERE kind = 'changed'),
                   count(*) FILTER (WHERE kind = 'revived')
              FROM differing
            """,
            deadline: Self.deadline
        )
        let (appeared, changed, revived) = try rows[0].decode((Int.self, Int.self, Int.self))
        return Changes(appeared: appeared, changed: changed, revived: revived)
    }

    private func markMissing(_ sweep: Int64, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.clients c SET _missing_since = s.began_at
              FROM factpulse.sweeps s
             WHERE s.id = \(sweep) AND c.account_id = \(account) AND c._deleted_at IS NULL AND c._missing_since IS NULL
               AND NOT EXISTS (SELECT FROM factpulse.sightings x WHERE x.sweep_id = s.id AND x.uid = c.uid)
            """,
            deadline: Self.deadline
        )
    }

    /// - Returns: how many clients are missing now.
    private func note(_ changes: Changes, of sweep: Int64, in transaction: Transaction) async throws -> Int {
        try await transaction.query(
            """
            UPDATE factpulse.sweeps
               SET applied_at = now(), appeared = \(changes.appeared), changed = \(changes.changed), revived = \(changes.revived),
                   missing = (SELECT count(*) FROM factpulse.clients c WHERE c.account_id = \(account) AND c._missing_since IS NOT NULL)
             WHERE id = \(sweep)
            RETURNING missing
            """
        )[0].decode(at: 0, as: Int.self)
    }
}
