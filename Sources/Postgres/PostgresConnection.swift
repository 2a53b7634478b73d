import CLibpq
import Logging
import Synchronization

/// One session with the server. Made by ``Database/withConnection(_:)``, which takes it back.
package final class PostgresConnection: SQLExecutor {
    let channel: Channel
    private let configuration: PostgresConfiguration
    /// See ``Database/forgetPlans()``. Set by the pool.
    let planAge = Atomic(0)

    init(_ channel: Channel, _ configuration: PostgresConfiguration) {
        self.channel = channel
        self.configuration = configuration
    }

    static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger,
        onEvent: (@Sendable (Channel.Event) -> Void)? = nil
    ) async throws(PostgresError) -> PostgresConnection {
        let channel = try await Connector.connect(configuration, logger: logger, onEvent: onEvent)
        return PostgresConnection(channel, configuration)
    }

    /// The server's process that serves this session, as in `pg_stat_activity.pid`.
    package var processID: Int { Int(channel.processID) }

    @discardableResult
    package func query(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> [Row] {
        try await results([sql], deadline)[0].rows
    }

    @discardableResult
    package func execute(_ sql: SQL, deadline: Duration?) async throws(PostgresError) -> Int {
        try await results([sql], deadline)[0].affectedRows
    }

    @discardableResult
    package func pipeline(_ statements: [SQL], deadline: Duration?) async throws(PostgresError) -> [[Row]] {
        guard !statements.isEmpty else { return [] }
        return try await results(statements, deadline).map(\.rows)
    }

    /// Runs trusted text of one or several statements, without values.
    ///
    /// - Parameter isShielded: Whether the task's cancellation is ignored.
    /// - Returns: The last statement's command tag, for example `COMMIT`.
    @discardableResult
    func run(
        script: String,
        deadline: Duration? = nil,
        isShielded: Bool = false
    ) async throws(PostgresError) -> String {
        try await perform(.script(script), deadline, isShielded: isShielded).last?.commandTag ?? ""
    }

    func perform(
        _ request: Request,
        _ deadline: Duration?,
        isShielded: Bool = false
    ) async throws(PostgresError) -> [QueryResult] {
        let time = deadline ?? configuration.deadline
        let reply = await channel.perform(request, within: time, isShielded: isShielded)
        guard var error = reply.failure ?? reply.results.lazy.compactMap(\.error).first else { return reply.results }
        switch reply.stop {
        case .deadline where reply.failure != nil || error.sqlState == SQLState.queryCancelled:
            error.kind = .deadlineExceeded
            error.message = "no answer within \(time)"
        case .cancelled where reply.failure != nil || error.sqlState == SQLState.queryCancelled:
            error.kind = .cancelled
            error.message = "the task was cancelled"
        default: break
        }
        error.statement = error.statement ?? request.text(failedAfter: reply.results)
        throw error
    }

    /// - Returns: As many results as statements.
    private func results(_ statements: [SQL], _ deadline: Duration?) async throws(PostgresError) -> [QueryResult] {
        var ready: [Statement] = []
        for sql in statements {
            ready.append(try Statement(sql))
        }
        let request = Request.statements(
            ready,
            prepare: configuration.preparedStatements,
            planAge: planAge.load(ordering: .relaxed)
        )
        let results = try await perform(request, deadline)
        guard results.count == statements.count else {
            channel.close()
            throw PostgresError(.unusable, "\(results.count) results for \(statements.count) statements")
        }
        return results
    }
}

extension Request {
    /// The text of the statement that failed, after those in `results` that did not.
    fileprivate func text(failedAfter results: [QueryResult]) -> String? {
        switch self {
        case .script(let text), .startCopy(let text): return text
        case .statements(let statements, _, _):
            let failed = results.firstIndex { $0.error != nil } ?? 0
            return statements.indices.contains(failed) ? statements[failed].text : nil
        case .copyData, .endCopy: return nil
        }
    }
}
