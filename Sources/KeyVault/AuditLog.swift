import Foundation
import Postgres

/// The audit log as a security officer reads it.
package struct AuditLog: Sendable {
    /// An end of the chain. Noted elsewhere, it proves later that nothing before it was changed or cut off.
    package struct Anchor: Sendable, Hashable {
        package let seq: Int64
        /// SHA-256, 64 hexadecimal digits.
        package let hash: String

        package init(seq: Int64, hash: String) {
            self.seq = seq
            self.hash = hash
        }
    }

    package struct Verification: Sendable, Hashable {
        package var entries: Int64 = 0
        /// The first entries that are not what was written there: changed, or without the one that stood before them. At most
        /// 100 of them.
        package var broken: [Int64] = []
        package var end: Anchor?
        /// The log no longer holds the anchor that was asked for.
        package var lostAnchor = false

        package var isWhole: Bool { broken.isEmpty && !lostAnchor }
    }

    private let database: Database
    private let page: Int64

    package init(_ database: Database, page: Int64 = 10_000) {
        self.database = database
        self.page = page
    }

    /// Walks the whole chain, a page a statement.
    /// - Parameter anchor: An end that an earlier verification gave. A chain whose end was cut off looks whole without one.
    package func verify(anchor: Anchor? = nil) async throws -> Verification {
        var result = Verification()
        while true {
            let rows = try await database.query(
                """
                WITH page AS MATERIALIZED (
                    SELECT a.*, lag(a.seq) OVER chain AS before, lag(a.hash) OVER chain AS link, factpulse.audit_digest(a) AS digest
                      FROM factpulse.audit_log a WHERE a.seq >= \(result.end?.seq ?? 0)   -- the last one again, as a link
                    WINDOW chain AS (ORDER BY a.seq)
                     ORDER BY a.seq LIMIT \(page + 1)
                ), judged AS (
                    SELECT seq, hash, seq = \(result.end?.seq ?? 0) AS seen, digest = hash AND seq = coalesce(before, 0) + 1
                           AND prev_hash = coalesce(link, decode(repeat('00', 32), 'hex')) AS whole
                      FROM page
                )
                SELECT count(*) FILTER (WHERE NOT seen), max(seq), (array_agg(encode(hash, 'hex') ORDER BY seq DESC))[1],
                       coalesce((array_agg(seq ORDER BY seq) FILTER (WHERE NOT seen AND NOT whole))[:100], '{}'),
                       coalesce(bool_or(seq = \(anchor?.seq)::bigint AND encode(hash, 'hex') = \(anchor?.hash)::text), false)
                  FROM judged
                """
            )
            let (count, seq, hash, broken, holdsAnchor) = try rows[0].decode(
                (Int64.self, Int64?.self, String?.self, [Int64].self, Bool.self)
            )
            if let anchor, result.entries == 0 { result.lostAnchor = anchor.seq > 0 }
            if holdsAnchor { result.lostAnchor = false }
            guard count > 0, let seq, let hash else { return result }
            result.entries += count
            result.end = Anchor(seq: seq, hash: hash)
            result.broken = Array((result.broken + broken).prefix(100))
        }
    }

    /// Every entry from `since` on as one JSON object a line, in pages.
    package func export(since: Date?, each: ([String]) async throws -> Void) async throws {
        var last: Int64 = 0
        while true {
            let rows = try await database.query(
                """
                SELECT a.seq, (to_jsonb(a) || jsonb_build_object('prev_hash', encode(a.prev_hash, 'hex'), 'hash', encode(a.hash, 'hex')))::text
                  FROM factpulse.audit_log a
                 WHERE a.seq > \(last) AND (\(since)::timestamptz IS NULL OR a.at >= \(since)::timestamptz)
                 ORDER BY a.seq LIMIT \(page)
                """
            )
            let entries = try rows.map { try $0.decode((Int64.self, String.self)) }
            guard let end = entries.last else { return }
            last = end.0
            try await each(entries.map(\.1))
        }
    }
}
