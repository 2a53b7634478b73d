import Foundation
import Postgres

/// What the tables say of the clients' keys, for people and for those who make jobs. Needs no KEK.
package struct KeyOverview: Sendable {
    package struct DueKey: Sendable, Hashable {
        package let client: UUID
        package let version: Int
        package let fingerprint: Fingerprint
        package let dueAt: Date
    }

    /// One row of `factpulse.rotation_attempts`.
    package struct Attempt: Sendable, Hashable {
        package let id: Int64
        package let client: UUID
        package let state: String
        package let from: Int
        package let to: Int
        /// What the last answer was, in our own words.
        package let reason: String?
        package let startedAt: Date
        package let endedAt: Date?

        /// Whether it waits for a person.
        package var needsPerson: Bool { RotationEnd(rawValue: state)?.needsPerson ?? false }
    }

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// How many client keys are in each state.
    package func counts() async throws -> [String: Int] {
        let rows = try await database.query(
            "SELECT state, count(*) FROM factpulse.secrets WHERE purpose = 'client-key' GROUP BY state"
        )
        return Dictionary(uniqueKeysWithValues: try rows.map { try $0.decode((String.self, Int.self)) })
    }

    /// The KEKs that rows were sealed under, and how many are now.
    package func keks() async throws -> [(id: KeyEncryptionKey.ID, isLive: Bool, rows: Int)] {
        let rows = try await database.query(
            """
            SELECT k.id, k.live, count(s.kek_id) FROM factpulse.keks k LEFT JOIN factpulse.secrets s ON s.kek_id = k.id
             GROUP BY k.id, k.live, k.first_used_at ORDER BY k.first_used_at
            """
        )
        return try rows.map { try $0.decode((KeyEncryptionKey.ID.self, Bool.self, Int.self)) }
    }

    /// Every key of a client, newest first.
    package func keys(of client: UUID) async throws -> [StoredSecret] {
        try await database.query(
            """
            SELECT \(StoredSecret.columns) FROM factpulse.secrets
             WHERE purpose = 'client-key' AND client_uid = \(client) ORDER BY version DESC
            """
        ).map(StoredSecret.init)
    }

    /// The attempts of one client; without one, the open attempts of all. Newest first.
    package func attempts(of client: UUID?, limit: Int) async throws -> [Attempt] {
        let rows = try await database.query(
            """
            SELECT id, client_uid, state, from_version, to_version, reason, started_at, ended_at
              FROM factpulse.rotation_attempts
             WHERE CASE WHEN \(client)::uuid IS NULL THEN ended_at IS NULL ELSE client_uid = \(client)::uuid END
             ORDER BY id DESC LIMIT \(limit)::bigint
            """
        )
        return try rows.map {
            let (id, client, state, from, to, reason, startedAt, endedAt) = try $0.decode(
                (Int64.self, UUID.self, String.self, Int.self, Int.self, String?.self, Date.self, Date?.self)
            )
            return Attempt(
                id: id,
                client: client,
                state: state,
                from: from,
                to: to,
                reason: reason,
                startedAt: startedAt,
                endedAt: endedAt
            )
        }
    }

    /// Clients whose live key is older than `interval`, the most overdue first. Left out: those with an open attempt.
    ///
    /// The interval of each key is up to 10 % shorter or longer, by a number of its own that does not change, so that clients
    /// that were made on one day are not due on one day.
    ///
    /// - Parameter unless: A condition on a key `k` that leaves it out.
    package static func due(every interval: Duration, limit: Int, unless: SQL = "false", in executor: some SQLExecutor)
        async throws -> [DueKey]
    {
        let rows = try await executor.query(
            """
            SELECT client_uid, version, fingerprint, due_at
              FROM (SELECT s.*, s.activated_at + \(interval)::interval * (0.9 + 0.2 * jitter.part) AS due_at
                      FROM factpulse.secrets s,
                           -- The first 28 bits of a digest, as a part of 1.
                           LATERAL (SELECT ('x' || left(md5(s.client_uid || '/' || s.version), 7))::bit(28)::int / 268435456.0 AS part) jitter
                     WHERE s.purpose = 'client-key' AND s.state = 'active' AND s.activated_at <= now() - \(interval)::interval * 0.9) k
             WHERE due_at <= now() AND NOT (\(unless))
               AND NOT EXISTS (SELECT FROM factpulse.rotation_attempts a WHERE a.client_uid = k.client_uid AND a.ended_at IS NULL)
             ORDER BY due_at LIMIT \(limit)::bigint
            """
        )
        return try rows.map {
            let (client, version, fingerprint, dueAt) = try $0.decode(
                (UUID.self, Int.self, Fingerprint.self, Date.self)
            )
            return DueKey(client: client, version: version, fingerprint: fingerprint, dueAt: dueAt)
        }
    }

    /// Clients whose rotation was cut off and can go on: an attempt is open and settled, or a key is in doubt and no attempt
    /// is open. Those that wait for a person are left out.
    package func unfinishedRotations(limit: Int) async throws -> [UUID] {
        try await database.query(
            """
            SELECT client_uid FROM factpulse.rotation_attempts
             WHERE state IN ('open', 'uncertain') AND coalesce(settle_until, updated_at) <= now()
            UNION
            SELECT client_uid FROM factpulse.secrets s
             WHERE purpose = 'client-key' AND state = 'uncertain' AND coalesce(settle_until, created_at) <= now()
               AND NOT EXISTS (SELECT FROM factpulse.rotation_attempts a WHERE a.client_uid = s.client_uid AND a.ended_at IS NULL)
             ORDER BY 1 LIMIT \(limit)::bigint
            """
        ).map { try $0.decode(at: 0) }
    }
}
