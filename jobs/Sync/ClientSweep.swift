import FactPulse
import JobQueue
import Logging
import Postgres

/// Reads the account's whole client list into `factpulse.sightings`.
///
/// The list has no cursor and no known order: read by offset, a page can repeat clients, and skip some when others
/// come or go meanwhile. A pass forward misses only what moves earlier, a pass backward only what moves later; what is
/// created meanwhile stands on the first pages or on the last. As many distinct clients as the server counts in the
/// last answer make a sweep complete. In the first round pages are read side by side; a list that changes meanwhile is
/// then read page by page, for only that keeps the promise of a pass.
package struct ClientSweep: Sendable {
    package enum Outcome: String, Sendable {
        case complete, partial
    }

    package struct Result: Sendable {
        package let id: Int64
        package let outcome: Outcome
        package let clients: Int
    }

    private static let maximumRounds = 3
    /// Enough for 10 requests a second that take 800 ms each.
    private static let sideBySide = 8

    private let api: FactPulseClient
    private let context: JobContext

    package init(api: FactPulseClient, context: JobContext) {
        self.api = api
        self.context = context
    }

    /// Runs one sweep.
    /// - Parameters:
    ///   - purpose: For the record.
    ///   - account: With it, one pass is enough when it saw exactly the clients of this account that `factpulse.clients`
    ///     has, and the server counted as many in every answer: a client that was there and not seen would then have
    ///     taken the place of one that was not there and seen.
    /// - Returns: how it went. Only a complete one proves that a client does not exist.
    /// - Throws: `FactPulseError` or ``OddAnswer`` when a page cannot be had, however often it is asked for; nothing is
    ///   kept then.
    package func run(purpose: String, comparingWith account: Int64? = nil) async throws -> Result {
        let id = try await SweepStage.open(purpose: purpose, account: account, context)
        do {
            let (outcome, seen) = try await read(into: id, comparingWith: account)
            _ = try await context.write(
                "UPDATE factpulse.sweeps SET ended_at = clock_timestamp(), outcome = \(outcome.rawValue), clients = \(seen) WHERE id = \(id)"
            )
            return Result(id: id, outcome: outcome, clients: seen)
        } catch {
            await forgetFailed(id)
            throw error
        }
    }

    private func forgetFailed(_ id: Int64) async {
        do {
            try await Self.forget(id, in: context.store.database)
        } catch {
            context.logger.warning("Left a failed sweep for a later one to remove", metadata: ["error": "\(error)"])
        }
    }

    private func read(into id: Int64, comparingWith account: Int64?) async throws -> (Outcome, seen: Int) {
        var seen = 0
        for round in 1...Self.maximumRounds {
            let stage = SweepStage(id: id, round: round, context: context)
            let end = try await forward(from: 1, into: stage)
            if let account, end.totals == [end.total], try await stage.isExactly(end.total, ofAccount: account) {
                return (.complete, end.total)
            }
            let passes: [() async throws -> Int] = [
                { try await backward(from: end.page, into: stage) },
                // What was created meanwhile: the newest first,
                { try await newest(into: stage) },
                // or the newest last.
                { try await forward(from: end.page, into: stage).total },
            ]
            for pass in passes {
                let total = try await pass()
                if try await stage.holds(total) { return (.complete, total) }
            }
            seen = try await stage.count()
            context.logger.info("The client list changed while it was read; reading it again")
        }
        return (.partial, seen)
    }

    /// How a pass forward ended.
    private struct End {
        /// The last page.
        var page: Int
        /// How many clients the server counted last.
        var total = 0
        /// Everything that it counted.
        var totals: Set<Int> = []
    }

    private func forward(from first: Int, into stage: SweepStage) async throws -> End {
        var end = End(page: first)
        while let (list, _) = try await read(end.page, into: stage) {
            end.total = list.total
            end.totals.insert(list.total)
            if list.isLast { break }
            // The last page alone, after the others: its count is the latest.
            let last = max(end.page + 1, (list.total - 1) / list.pageSize + 1)
            end.totals.formUnion(try await readAll(end.page + 1..<last, into: stage))
            end.page = last
        }
        return end
    }

    /// - Returns: how many clients the server counted last.
    private func backward(from last: Int, into stage: SweepStage) async throws -> Int {
        try await readAll(stride(from: last, to: 1, by: -1), into: stage)
        return try await read(1, into: stage)?.list.total ?? 0
    }

    /// The first pages, up to one that brings nothing new, and back: the first page tells what came while it read.
    private func newest(into stage: SweepStage) async throws -> Int {
        var page = 1
        while let (list, news) = try await read(page, into: stage), news > 0, !list.isLast { page += 1 }
        return try await backward(from: page, into: stage)
    }

    /// - Returns: every count of clients that the server gave.
    @discardableResult
    private func readAll(_ pages: some Sequence<Int>, into stage: SweepStage) async throws -> Set<Int> {
        try await withThrowingTaskGroup(of: Int?.self) { group in
            var totals: Set<Int> = []
            var underWay = 0
            let width = stage.round == 1 ? Self.sideBySide : 1
            for page in pages {
                if underWay == width, let total = try await group.next() ?? nil { totals.insert(total) }
                underWay = min(underWay + 1, width)
                group.addTask { try await read(page, into: stage)?.list.total }
            }
            for try await case let total? in group { totals.insert(total) }
            return totals
        }
    }

    /// - Returns: the page and how many of its clients were new or had changed; `nil` for a page past the end, which the
    ///   server may also answer with 404.
    private func read(_ page: Int, into stage: SweepStage) async throws -> (list: ClientListResponse, news: Int)? {
        let list = try await Patience(context: context).ask(saying: "A page of the client list is read again") {
            () async throws -> ClientListResponse? in
            do {
                let list = try await api.account.listClients(page: page, pageSize: AccountAPI.largestPage)
                try list.checkSound(page)
                return list
            } catch let error as FactPulseError where error.outcome == .refused(status: 404) && page > 1 {
                return nil
            }
        }
        guard let list else { return nil }
        if page == 1 { try await stage.expect(list.total) }
        return (list, try await stage.save(list.results))
    }
}

extension ClientListResponse {
    /// An account has fewer clients than this: a count beyond it would have us ask for pages without end.
    private static let mostClients = 100_000_000

    /// - Throws: ``OddAnswer``. An empty page in the middle of a list must not look like its end.
    fileprivate func checkSound(_ asked: Int) throws {
        if page != asked { throw OddAnswer(what: "page \(page) instead of page \(asked) of the client list") }
        guard pageSize > 0, (0...Self.mostClients).contains(total) else {
            throw OddAnswer(what: "\(total) clients on pages of \(pageSize)")
        }
        if results.isEmpty, (page - 1) * pageSize < total {
            throw OddAnswer(what: "page \(page) of the client list is empty, though there are \(total) clients")
        }
    }
}
