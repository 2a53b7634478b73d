import CLibpq

/// What a caller asks of a session.
enum Request: Sendable {
    /// Text without values, possibly several statements: one implicit transaction, no plan kept.
    case script(String)
    /// One statement, or several in one round trip and one implicit transaction. Plans that the server made under
    /// another `planAge` are discarded before.
    case statements([Statement], prepare: Bool, planAge: Int)
    case startCopy(String)
    /// Done when the socket has taken the bytes.
    case copyData([UInt8])
    /// With words: the server drops what it has received, and answers with an error.
    case endCopy(abort: String?)

    /// - Returns: `false` when libpq refuses, and the session cannot be used any more.
    func send(on session: OpaquePointer, _ prepared: inout PreparedStatements, _ steps: inout [PipelineStep]) -> Bool {
        switch self {
        case .script(let text), .startCopy(let text):
            return PQsendQuery(session, text) == 1
        case .statements(let statements, let prepare, let planAge):
            let limit = prepare ? PreparedStatements.limit : 0
            if prepared.hasPlans(otherThan: planAge) {
                steps.append(.discardPlans)
            } else if statements.count == 1, let name = prepared.name(of: statements[0], limit) {
                return statements[0].sendPrepared(name, on: session)
            }
            return Self.sendPipeline(statements, on: session, &prepared, limit, &steps)
        case .copyData(let bytes):
            return bytes.withUnsafeBytes {
                PQputCopyData(session, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count)) == 1
            }
        case .endCopy(let abort):
            return PQputCopyEnd(session, abort) == 1
        }
    }

    private static func sendPipeline(
        _ statements: [Statement],
        on session: OpaquePointer,
        _ prepared: inout PreparedStatements,
        _ limit: Int,
        _ steps: inout [PipelineStep]
    ) -> Bool {
        guard PQenterPipelineMode(session) == 1 else { return false }
        if case .discardPlans = steps.first {
            guard PQsendQueryParams(session, "DISCARD PLANS", 0, nil, nil, nil, nil, 0) == 1 else { return false }
        }
        for statement in statements {
            if let name = prepared.name(of: statement, limit) {
                guard statement.sendPrepared(name, on: session) else { return false }
            } else if let name = prepared.newName(for: statement, limit) {
                steps.append(.prepare(statement.text))
                guard PQsendPrepare(session, name, statement.text, 0, nil) == 1 else { return false }
                guard statement.sendPrepared(name, on: session) else { return false }
            } else {
                guard statement.sendOnce(on: session) else { return false }
            }
            steps.append(.execute(statement.text))
        }
        return PQpipelineSync(session) == 1
    }
}

/// What one result of a pipeline answers.
enum PipelineStep: Sendable {
    case discardPlans
    /// The statement's text.
    case prepare(String)
    case execute(String)
}

/// The statements that one session has parsed already, by their text.
struct PreparedStatements {
    /// Our statements are constants of the program, so the first ones a session meets are the ones it will meet again.
    /// Later ones are sent with their text every time.
    static let limit = 200

    private var names: [String: String] = [:]
    private var count = 0
    private var planAge = 0

    func name(of statement: Statement, _ limit: Int) -> String? {
        limit > 0 ? names[statement.text] : nil
    }

    mutating func newName(for statement: Statement, _ limit: Int) -> String? {
        guard names.count < limit else { return nil }
        count += 1
        let name = "s\(count)"
        names[statement.text] = name
        return name
    }

    /// - Returns: Whether there may be plans of another age. They are taken to be discarded then.
    mutating func hasPlans(otherThan age: Int) -> Bool {
        defer { planAge = age }
        return planAge != age && !names.isEmpty
    }

    mutating func forget(_ text: String) {
        names[text] = nil
    }
}

extension Statement {
    fileprivate func sendPrepared(_ name: String, on session: OpaquePointer) -> Bool {
        withParameters { PQsendQueryPrepared(session, name, Int32(parameterCount), $0, nil, nil, 0) == 1 }
    }

    fileprivate func sendOnce(on session: OpaquePointer) -> Bool {
        withParameters { PQsendQueryParams(session, text, Int32(parameterCount), nil, $0, nil, nil, 0) == 1 }
    }
}
