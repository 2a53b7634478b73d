import FactPulse
import Foundation
import JobQueue
import Postgres

/// Where a sweep puts what it sees: rows of `factpulse.sightings`, one a client, kept until they have been used.
struct SweepStage: Sendable {
    let id: Int64
    /// A sweep that saw the list change reads it again: another round.
    let round: Int
    let context: JobContext

    /// Opens a sweep, and removes what those left that died while they read.
    static func open(purpose: String, account: Int64?, _ context: JobContext) async throws -> Int64 {
        let rows = try await context.write(
            """
            DELETE FROM factpulse.sightings c USING factpulse.sweeps s
             WHERE s.id = c.sweep_id AND s.began_at < now() - interval '1 day'
            """,
            """
            INSERT INTO factpulse.sweeps (purpose, account_id, job_id) VALUES (\(purpose), \(account)::int, \(context.job.id))
            RETURNING id
            """
        )
        return try rows[1][0].decode(at: 0, as: Int64.self)
    }

    /// Notes how many clients there are to be seen, for whoever watches; the first count stays.
    func expect(_ total: Int) async throws {
        guard round == 1 else { return }
        _ = try await context.write(
            "UPDATE factpulse.sweeps SET expected = \(total) WHERE id = \(id) AND expected IS NULL"
        )
    }

    /// Adds a page. What is read later is right, but within a round, where pages are read side by side, what changed later.
    ///
    /// By arrays, in the one round trip that the fence needs: a COPY of a page would take five.
    /// - Returns: how many of the clients were new to the round or had changed.
    func save(_ clients: [ClientSummary]) async throws -> Int {
        guard !clients.isEmpty else { return 0 }
        let names = clients.map { $0.name.storable }
        return try await context.write(
            """
            INSERT INTO factpulse.sightings (sweep_id, round, uid, siret, name_key, created_at, name, shown_siret, description, is_active,
                                             has_config_pdp, pdp_is_active, pdp_is_mock, has_config_chorus, updated_at, row_hash)
            SELECT DISTINCT ON (uid) \(id)::bigint, \(round)::smallint, uid, siret, name_key, created_at, name, shown_siret, description,
                   is_active, has_config_pdp, pdp_is_active, pdp_is_mock, has_config_chorus, updated_at,
                   encode(sha256(convert_to(jsonb_build_array(
                       name, shown_siret, description, is_active, has_config_pdp, pdp_is_active, pdp_is_mock, has_config_chorus,
                       extract(epoch FROM created_at), extract(epoch FROM updated_at))::text, 'UTF8')), 'hex')
              FROM unnest(\(clients.map(\.uid.text))::uuid[], \(clients.map { $0.siret.flatMap(Self.plain) })::text[],
                          \(names.map(NameKey.of))::text[], \(clients.map(\.createdAt))::timestamptz[], \(names)::text[],
                          \(clients.map { $0.siret?.storable })::text[], \(clients.map { $0.description?.storable })::text[],
                          \(clients.map(\.isActive))::boolean[], \(clients.map(\.hasConfigPdp))::boolean[],
                          \(clients.map(\.pdpIsActive))::boolean[], \(clients.map(\.pdpIsMock))::boolean[],
                          \(clients.map(\.hasConfigChorus))::boolean[], \(clients.map(\.updatedAt))::timestamptz[])
                AS c (uid, siret, name_key, created_at, name, shown_siret, description, is_active, has_config_pdp, pdp_is_active,
                      pdp_is_mock, has_config_chorus, updated_at)
             ORDER BY uid, updated_at DESC
            ON CONFLICT (sweep_id, uid) DO UPDATE
               SET round = excluded.round, siret = excluded.siret, name_key = excluded.name_key, name = excluded.name,
                   shown_siret = excluded.shown_siret, description = excluded.description, is_active = excluded.is_active,
                   has_config_pdp = excluded.has_config_pdp, pdp_is_active = excluded.pdp_is_active,
                   pdp_is_mock = excluded.pdp_is_mock, has_config_chorus = excluded.has_config_chorus,
                   updated_at = excluded.updated_at, row_hash = excluded.row_hash
             WHERE sightings.round < excluded.round
                OR sightings.row_hash IS DISTINCT FROM excluded.row_hash AND sightings.updated_at <= excluded.updated_at
            RETURNING uid
            """
        )[0].count
    }

    /// How many clients were seen, in any round.
    func count() async throws -> Int {
        try await counts().all
    }

    /// Whether as many clients were seen as there are: in all rounds, or in this one. What only an earlier round saw is
    /// then gone, and is forgotten.
    func holds(_ total: Int) async throws -> Bool {
        let (all, inRound) = try await counts()
        if all == total { return true }
        guard inRound == total else { return false }
        _ = try await context.write("DELETE FROM factpulse.sightings WHERE sweep_id = \(id) AND round < \(round)")
        return true
    }

    private func counts() async throws -> (all: Int, inRound: Int) {
        try await context.store.database.query(
            "SELECT count(*), count(*) FILTER (WHERE round = \(round)) FROM factpulse.sightings WHERE sweep_id = \(id)"
        )[0].decode((Int.self, Int.self))
    }

    /// Whether this round saw the very clients that are known of an account, and they are so many.
    func isExactly(_ total: Int, ofAccount account: Int64) async throws -> Bool {
        let (seen, known, both) = try await context.store.database.query(
            """
            SELECT count(s.uid), count(c.uid), count(*) FILTER (WHERE s.uid = c.uid)
              FROM (SELECT uid FROM factpulse.sightings WHERE sweep_id = \(id) AND round = \(round)) s
              FULL JOIN (SELECT uid FROM factpulse.clients WHERE account_id = \(account) AND _deleted_at IS NULL) c USING (uid)
            """
        )[0].decode((Int.self, Int.self, Int.self))
        return seen == total && known == total && both == total
    }

    /// The contract does not say how a SIRET is written in a list.
    /// - Returns: `nil` for what is none.
    private static func plain(_ siret: String) -> String? {
        let digits = siret.filter { $0.isASCII && $0.isNumber }
        return digits.count == 14 ? digits : nil
    }
}

extension ClientSweep {
    /// A crash of the database has emptied the table since the sweep: it proves nothing any more.
    package struct Lost: Error, CustomStringConvertible {
        package let description = "the database lost what the sweep of the client list saw, and it has to be made again"
    }

    /// To be asked first in each transaction that concludes something from a sweep.
    /// - Throws: ``Lost``.
    package static func confirm(_ id: Int64, in transaction: Transaction) async throws {
        let rows = try await transaction.query(
            """
            SELECT FROM factpulse.sweeps s
             WHERE s.id = \(id) AND (s.clients = 0 OR EXISTS (SELECT FROM factpulse.sightings c WHERE c.sweep_id = s.id))
            """
        )
        if rows.isEmpty { throw Lost() }
    }

    /// Forgets what a sweep saw, once it has been used.
    package static func forget(_ id: Int64, in executor: some SQLExecutor) async throws {
        try await executor.execute("DELETE FROM factpulse.sightings WHERE sweep_id = \(id)")
    }
}

extension String {
    /// Without the zero characters that JSON can write and PostgreSQL cannot store.
    var storable: String { utf8.contains(0) ? replacing("\0", with: "\u{FFFD}") : self }
}
