import FactPulse
import Foundation
import JobQueue
import Logging
import Postgres

/// Reads the account's whole client list into `factpulse.sightings`.
///
/// The list has no cursor and no known order: read by offset, a page can repeat clients, and skip some when others
/// come or go meanwhile. A pass forward misses only what moves earlier, a pass backward only what moves later; what is
/// created meanwhile stands on the first pages or on the last. As many distinct clients as the server counts in the
/// last answer make a sweep complete.
package struct ClientSweep: Sendable {
    package enum Outcome: String, Sendable {
        case complete, partial
    }

    package struct Result: Sendable {
        package let id: Int64
        package let outcome: Outcome
        package let clients: Int
    }

    /// A crash of the database has emptied the table since the sweep: it proves nothing any more.
    package struct Lost: Error, CustomStringConvertible {
        package let description = "the database lost what the sweep of the client list saw, and it has to be made again"
    }

    private static let pageSize = 100
    private static let maximumRounds = 3
    /// How often one page is asked for again, and how long is waited for it at most.
    private static let maximumRepeats = 20
    private static let longestWait = Duration.seconds(60)

    private let api: FactPulseClient
    private let context: JobContext

    package init(api: FactPulseClient, context: JobContext) {
        self.api = api
        self.context = context
    }

    /// Runs one sweep.
    /// - Parameter purpose: For the record.
    /// - Returns: how it went. Only a complete one proves that a client does not exist.
    /// - Throws: `FactPulseError` when a page cannot be had, however often it is asked for; nothing is kept then.
    package func run(purpose: String) async throws -> Result {
        let rows = try await context.write(
            // Those of workers that died while they read.
            """
            DELETE FROM factpulse.sightings c USING factpulse.sweeps s
             WHERE s.id = c.sweep_id AND s.began_at < now() - interval '1 day'
            """,
            "INSERT INTO factpulse.sweeps (purpose) VALUES (\(purpose)) RETURNING id"
        )
        let id = try rows[1][0].decode(at: 0, as: Int64.self)
        do {
            let (outcome, seen) = try await read(into: id)
            _ = try await context.write(
                "UPDATE factpulse.sweeps SET ended_at = clock_timestamp(), outcome = \(outcome.rawValue), clients = \(seen) WHERE id = \(id)"
            )
            return Result(id: id, outcome: outcome, clients: seen)
        } catch {
            await forgetFailed(id)
            throw error
        }
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

    private func forgetFailed(_ id: Int64) async {
        do {
            try await Self.forget(id, in: context.store.database)
        } catch {
            context.logger.warning("Left a failed sweep for a later one to remove", metadata: ["error": "\(error)"])
        }
    }

    private func read(into id: Int64) async throws -> (Outcome, seen: Int) {
        var seen = 0
        for _ in 0..<Self.maximumRounds {
            let last = try await forward(from: 1, into: id)
            let passes: [() async throws -> Int] = [
                { try await backward(from: last.page, into: id) },
                // What was created meanwhile: the newest first,
                { try await newest(into: id) },
                // or the newest last.
                { try await forward(from: last.page, into: id).total },
            ]
            for pass in passes {
                let total = try await pass()
                seen = try await count(id)
                if seen == total { return (.complete, seen) }
            }
            context.logger.info("The client list changed while it was read; reading it again")
        }
        return (.partial, seen)
    }

    /// - Returns: the number of the last page, and how many clients the server counted last.
    private func forward(from first: Int, into id: Int64) async throws -> (page: Int, total: Int) {
        var page = first
        var total = 0
        while let (list, _) = try await read(page, into: id) {
            total = list.total
            if list.isLast { break }
            page += 1
        }
        return (page, total)
    }

    private func backward(from last: Int, into id: Int64) async throws -> Int {
        var total = 0
        for page in stride(from: last, through: 1, by: -1) {
            if let (list, _) = try await read(page, into: id) { total = list.total }
        }
        return total
    }

    /// The first pages, up to one that brings nothing new, and back: the first page tells what came while it read.
    private func newest(into id: Int64) async throws -> Int {
        var page = 1
        while let (list, news) = try await read(page, into: id), news > 0, !list.isLast { page += 1 }
        return try await backward(from: page, into: id)
    }

    /// - Returns: the page and how many of its clients were new or had changed; `nil` for a page past the end, which the
    ///   server may also answer with 404.
    private func read(_ page: Int, into id: Int64) async throws -> (ClientListResponse, news: Int)? {
        var failures = 0
        while true {
            do {
                let list = try await api.account.listClients(page: page, pageSize: Self.pageSize)
                return (list, try await save(list, in: id))
            } catch let error as FactPulseError {
                if error.outcome == .refused(status: 404), page > 1 { return nil }
                failures += 1
                let wait =
                    error.retryAfter ?? Backoff(base: .seconds(1), maximum: .seconds(30)).delay(after: failures)
                guard error.isWorthRetrying, failures <= Self.maximumRepeats, wait <= Self.longestWait else {
                    throw error
                }
                context.logger.info("A page of the client list is read again", metadata: ["error": "\(error)"])
                try context.checkAlive()
                try await Task.sleep(for: wait)
            }
        }
    }

    private func count(_ id: Int64) async throws -> Int {
        try await context.store.database.query("SELECT count(*) FROM factpulse.sightings WHERE sweep_id = \(id)")[0]
            .decode(at: 0, as: Int.self)
    }

    private func save(_ list: ClientListResponse, in id: Int64) async throws -> Int {
        guard !list.results.isEmpty else { return 0 }
        let sirets = list.results.map { $0.siret.flatMap(Self.plain) }
        return try await context.write(
            """
            INSERT INTO factpulse.sightings (sweep_id, uid, siret, name_key, is_active, created_at, updated_at)
            SELECT DISTINCT ON (uid) \(id)::bigint, uid, siret, name_key, is_active, created_at, updated_at
              FROM unnest(\(list.results.map(\.uid.text))::uuid[], \(sirets)::text[],
                          \(list.results.map { NameKey.of($0.name) })::text[], \(list.results.map(\.isActive))::boolean[],
                          \(list.results.map(\.createdAt))::timestamptz[], \(list.results.map(\.updatedAt))::timestamptz[])
                AS c (uid, siret, name_key, is_active, created_at, updated_at)
            ON CONFLICT (sweep_id, uid) DO UPDATE
               SET siret = excluded.siret, name_key = excluded.name_key, is_active = excluded.is_active, updated_at = excluded.updated_at
             WHERE (sightings.siret, sightings.name_key, sightings.is_active, sightings.updated_at)
                   IS DISTINCT FROM (excluded.siret, excluded.name_key, excluded.is_active, excluded.updated_at)
            RETURNING uid
            """
        )[0].count
    }

    /// The contract does not say how a SIRET is written in a list.
    /// - Returns: `nil` for what is none.
    private static func plain(_ siret: String) -> String? {
        let digits = siret.filter { $0.isASCII && $0.isNumber }
        return digits.count == 14 ? digits : nil
    }
}
