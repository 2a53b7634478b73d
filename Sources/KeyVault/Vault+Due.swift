import Foundation
import Postgres

extension Vault {
    package struct DueKey: Sendable, Hashable {
        package let client: UUID
        package let version: Int
        package let fingerprint: Fingerprint
        package let dueAt: Date
    }

    /// Clients whose live key is older than `interval`, the most overdue first. Left out: those with an open attempt.
    ///
    /// The interval of each key is up to 10 % shorter or longer, by a number of its own that does not change, so that clients
    /// that were made on one day are not due on one day.
    package func due(every interval: Duration, limit: Int) async throws -> [DueKey] {
        let rows = try await database.query(
            """
            SELECT client_uid, version, fingerprint, due_at
              FROM (SELECT s.*, s.activated_at + \(interval)::interval * (0.9 + 0.2 * jitter.part) AS due_at
                      FROM factpulse.secrets s,
                           -- The first 28 bits of a digest, as a part of 1.
                           LATERAL (SELECT ('x' || left(md5(s.client_uid || '/' || s.version), 7))::bit(28)::int / 268435456.0 AS part) jitter
                     WHERE s.purpose = 'client-key' AND s.state = 'active' AND s.activated_at <= now() - \(interval)::interval * 0.9) k
             WHERE due_at <= now()
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
