import CLibpq

/// One request that is waiting for its answer.
struct Exchange {
    enum Progress {
        case pending
        case complete
        /// The session cannot be used any more.
        case broken(String)
    }

    let id: UInt64
    let request: Request
    var deadline: ContinuousClock.Instant
    let continuation: UnsafeContinuation<Channel.Reply, Never>
    /// Whether losing the session now leaves open if something was committed.
    var mayCommit = false
    /// What the results of a pipeline answer, in order. Empty: not a pipeline.
    var steps: [PipelineStep] = []
    var results: [QueryResult] = []
    var stop: Channel.Stop?
    /// Set when the answer is complete, but a cancel request is still on its way: it must not hit what comes next.
    var reply: Channel.Reply?
    private var emptyReads = 0

    init(
        _ request: Request,
        id: UInt64,
        deadline: ContinuousClock.Instant,
        continuation: UnsafeContinuation<Channel.Reply, Never>
    ) {
        self.id = id
        self.request = request
        self.deadline = deadline
        self.continuation = continuation
    }

    /// Whether the answer holds no error.
    var hasSucceeded: Bool { !results.isEmpty && results.allSatisfy { $0.error == nil } }

    /// Takes the results that have arrived, without waiting for more.
    mutating func read(from session: OpaquePointer) -> Progress {
        if case .copyData = request { return .pending }
        while PQisBusy(session) == 0 {
            guard let result = PQgetResult(session).map(QueryResult.init) else {
                guard !steps.isEmpty else { return .complete }
                // In a pipeline every statement's result is followed by one of these.
                emptyReads += 1
                guard emptyReads <= steps.count else { return .broken("the pipeline ended early") }
                continue
            }
            if result.status == PGRES_PIPELINE_SYNC {
                PQexitPipelineMode(session)
                return .complete
            }
            results.append(result)
            switch (result.status, request) {
            case (PGRES_COPY_IN, .startCopy): return .complete
            case (PGRES_COPY_IN, _), (PGRES_COPY_OUT, _), (PGRES_COPY_BOTH, _):
                return .broken("COPY is only possible through Transaction.copy")
            default: break
            }
        }
        return .pending
    }

    /// The results of the caller's own statements. A statement that could not be prepared, or whose plan went stale, is
    /// forgotten, so that its next use parses it again.
    func answers(_ prepared: inout PreparedStatements) -> [QueryResult] {
        if case .statements(let statements, _, _) = request, steps.isEmpty {
            if isStale(results.first) { prepared.forget(statements[0].text) }
            return results
        }
        guard !steps.isEmpty else { return results }
        var answers: [QueryResult] = []
        for (step, result) in zip(steps, results) {
            switch step {
            case .discardPlans:
                // In a transaction that has failed, where nothing else succeeds either.
                guard result.status != PGRES_COMMAND_OK else { continue }
                answers.append(result)
            case .prepare(let text):
                guard result.status != PGRES_COMMAND_OK else { continue }
                prepared.forget(text)
                answers.append(result)
            case .execute(let text):
                if isStale(result) { prepared.forget(text) }
                answers.append(result)
            }
        }
        return answers
    }

    private func isStale(_ result: QueryResult?) -> Bool {
        result?.error?.sqlState.map(SQLState.isStalePlan) ?? false
    }
}
