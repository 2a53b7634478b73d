import FactPulse
import Foundation
import JobQueue
import Logging
import Postgres

/// Reads the account's whole client list into `factpulse.sightings`.
///
/// The list has no cursor and no fixed order: read by offset, a page can repeat clients, and skip some when others
/// come or go meanwhile. A pass forward misses only what moves earlier, a pass backward only what moves later; the two
/// together, with as many distinct clients as the server counts at the end, make a sweep complete.
package struct ClientSweep: Sendable {
    package enum Outcome: String, Sendable {
        case complete, partial
    }

    package struct Result: Sendable {
        package let id: Int64
        package let outcome: Outcome
        package let clients: Int
    }

    private static let pageSize = 100
    private static let maximumRounds = 3

    private let api: FactPulseClient
    private let context: JobContext

    package init(api: FactPulseClient, context: JobContext) {
        self.api = api
        self.context = context
    }

    /// Runs one sweep.
    /// - Parameter purpose: For the record.
    /// - Returns: how it went. Only a complete one proves that a client does not exist.
    /// - Throws: `FactPulseError` when a page cannot be had; what was seen is worth nothing then.
    package func run(purpose: String) async throws -> Result {
        let rows = try await context.write("INSERT INTO factpulse.sweeps (purpose) VALUES (\(purpose)) RETURNING id")
        let id = try rows[0][0].decode(at: 0, as: Int64.self)
        var outcome = Outcome.partial
        var seen = 0
        for _ in 0..<Self.maximumRounds {
            let pages = try await forward(id)
            let total = try await backward(id, from: pages)
            seen = try await count(id)
            if seen == total {
                outcome = .complete
                break
            }
            context.logger.info(
                "The client list changed while it was read; reading it again",
                metadata: ["seen": "\(seen)", "total": "\(total)"]
            )
        }
        _ = try await context.write(
            "UPDATE factpulse.sweeps SET ended_at = clock_timestamp(), outcome = \(outcome.rawValue), clients = \(seen) WHERE id = \(id)"
        )
        return Result(id: id, outcome: outcome, clients: seen)
    }

    /// To stand first in the transaction that uses what a complete sweep saw.
    ///
    /// A crash of the database empties the table, which is not logged, and an empty table says that no client exists.
    /// - Throws: ``SightingsLost``.
    package static func confirm(_ sweep: Result, in transaction: Transaction) async throws {
        guard sweep.clients > 0 else { return }
        let rows = try await transaction.query(
            "SELECT EXISTS (SELECT FROM factpulse.sightings WHERE sweep_id = \(sweep.id))"
        )
        guard try rows[0].decode(at: 0, as: Bool.self) else { throw SightingsLost(sweep: sweep.id) }
    }

    /// Forgets what a sweep saw, once it has been used.
    package static func forget(_ id: Int64, in executor: some SQLExecutor) async throws {
        try await executor.execute("DELETE FROM factpulse.sightings WHERE sweep_id = \(id)")
    }

    /// - Returns: the number of the last page.
    private func forward(_ id: Int64) async throws -> Int {
        var page = 1
        while let list = try await read(page, into: id), !list.isLast {
            page += 1
        }
        return page
    }

    /// - Returns: how many clients the server counted last.
    private func backward(_ id: Int64, from last: Int) async throws -> Int {
        var total = 0
        for page in stride(from: last, through: 1, by: -1) {
            if let list = try await read(page, into: id) { total = list.total }
        }
        return total
    }

    /// - Returns: `nil` for a page past the end, which the server may also answer with 404.
    private func read(_ page: Int, into id: Int64) async throws -> ClientListResponse? {
        do {
            let list = try await api.account.listClients(page: page, pageSize: Self.pageSize)
            try await save(list, in: id)
            return list
        } catch let error as FactPulseError where error.outcome == .refused(status: 404) && page > 1 {
            return nil
        }
    }

    private func count(_ id: Int64) async throws -> Int {
        try await context.store.database.query("SELECT count(*) FROM factpulse.sightings WHERE sweep_id = \(id)")[0]
            .decode(at: 0, as: Int.self)
    }

    private func save(_ list: ClientListResponse, in id: Int64) async throws {
        guard !list.results.isEmpty else { return }
        _ = try await context.write(
            """
            INSERT INTO factpulse.sightings (sweep_id, uid, siret, name_key, created_at)
            SELECT DISTINCT ON (uid) \(id)::bigint, uid, siret, name_key, created_at
              FROM unnest(\(list.results.map(\.uid.text))::uuid[], \(list.results.map(\.siret))::text[],
                          \(list.results.map { NameKey.of($0.name) })::text[], \(list.results.map(\.createdAt))::timestamptz[])
                AS c (uid, siret, name_key, created_at)
            ON CONFLICT (sweep_id, uid) DO UPDATE SET siret = excluded.siret, name_key = excluded.name_key
             WHERE (sightings.siret, sightings.name_key) IS DISTINCT FROM (excluded.siret, excluded.name_key)
            """
        )
    }
}

/// What a sweep saw is gone. Nothing was concluded from it; another sweep is needed.
package struct SightingsLost: Error, CustomStringConvertible {
    let sweep: Int64

    package var description: String { "the database crashed and forgot what sweep \(sweep) saw" }
}
