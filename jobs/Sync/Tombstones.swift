import FactPulse
import Foundation
import JobQueue
import Logging
import Postgres

/// Marks clients as deleted that two complete sweeps did not see and the server says it does not know.
///
/// The API has no call that deletes a client, so many that are gone at once are more likely a mistake, of ours or of the
/// server: beyond a cap nothing is marked, unless a person says so.
struct Tombstones: Sendable {
    /// What may be marked at once: so many, or so large a part of the clients.
    private static let smallestCap = 10
    private static let part = 0.02

    let api: FactPulseClient
    let account: Int64
    /// A person has said that so many are really gone.
    let isUncapped: Bool

    struct Marked: Sendable {
        var deleted = 0
        /// More than the cap allows: none was looked at.
        var tooMany = 0
    }

    /// - Parameter sweep: A complete one, just applied. Who was missing before it is looked for.
    /// - Throws: ``LeaseLost``, `FactPulseError`. Those marked so far stay so.
    func mark(after sweep: Int64, _ context: JobContext) async throws -> Marked {
        let rows = try await context.store.database.query(
            """
            SELECT c.uid::text FROM factpulse.clients c, factpulse.sweeps s
             WHERE s.id = \(sweep) AND c.account_id = \(account) AND c._missing_since < s.began_at ORDER BY c.uid
            """
        )
        var marked = Marked()
        guard !rows.isEmpty else { return marked }
        if !isUncapped, rows.count > (try await cap(context)) {
            marked.tooMany = rows.count
            return marked
        }
        for row in rows {
            guard let uid = ClientUID(try row.decode(at: 0, as: String.self)) else { continue }
            switch try await look(for: uid, context) {
            case .gone: marked.deleted += try await bury(uid, sweep, context)
            // Not in the list, but there: what the next two sweeps say counts anew.
            case .there: try await forgive(uid, context)
            case .unknown: break
            }
        }
        return marked
    }

    private func cap(_ context: JobContext) async throws -> Int {
        let clients = try await context.store.database.query(
            "SELECT count(*) FROM factpulse.clients WHERE account_id = \(account) AND _deleted_at IS NULL"
        )[0].decode(at: 0, as: Int.self)
        return max(Self.smallestCap, Int(Double(clients) * Self.part))
    }

    private enum Whereabouts { case gone, there, unknown }

    /// 403 is not 404: it says that we may not know.
    private func look(for uid: ClientUID, _ context: JobContext) async throws -> Whereabouts {
        do {
            _ = try await Patience(context: context).ask(saying: "A missing client is looked for again") {
                try await api.client(uid).get()
            }
            return .there
        } catch let error as FactPulseError {
            switch error.outcome {
            case .refused(status: 404): return .gone
            case .refused, .unauthorized:
                context.logger.warning("Nobody says whether a missing client exists", metadata: ["error": "\(error)"])
                return .unknown
            default: throw error
            }
        }
    }

    /// - Returns: 1, or 0 when a sweep has seen it meanwhile.
    private func bury(_ uid: ClientUID, _ sweep: Int64, _ context: JobContext) async throws -> Int {
        let rows = try await context.write(
            """
            WITH gone AS (
                UPDATE factpulse.clients SET _deleted_at = now(), _synced_at = now(), _missing_since = NULL
                 WHERE uid = \(uid.text)::uuid AND _missing_since IS NOT NULL
                RETURNING uid
            ), ended AS (
                UPDATE factpulse.client_history h SET valid_to = greatest(now(), h.valid_from + interval '1 microsecond')
                  FROM gone WHERE h.uid = gone.uid AND h.valid_to IS NULL
            ), noted AS (
                UPDATE factpulse.sweeps SET deleted = coalesce(deleted, 0) + 1, missing = missing - 1
                 WHERE id = \(sweep) AND EXISTS (SELECT FROM gone)
            )
            SELECT uid FROM gone
            """
        )
        return rows[0].count
    }

    private func forgive(_ uid: ClientUID, _ context: JobContext) async throws {
        _ = try await context.write(
            "UPDATE factpulse.clients SET _missing_since = NULL WHERE uid = \(uid.text)::uuid AND _missing_since IS NOT NULL"
        )
    }
}
