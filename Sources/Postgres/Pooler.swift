/// What stands between us and the server.
package enum Pooler: Sendable, Hashable {
    /// Nothing: each connection is a process of the server.
    case none
    /// A pooler that gives each of our connections a session of its own.
    case session
    /// A pooler that gives a session for one transaction at a time: LISTEN and prepared statements get lost.
    case transaction
}

extension Database {
    /// Looks for a pooler such as PgBouncer. Needs two connections at once.
    package func pooler() async throws -> Pooler {
        try await withConnection { first in
            try await withConnection { second in
                var (ofFirst, ofSecond) = (Set<Int>(), Set<Int>())
                do {
                    for _ in 0..<5 {
                        ofFirst.insert(try await Self.serverProcess(first))
                        ofSecond.insert(try await Self.serverProcess(second))
                    }
                } catch let error as PostgresError where ["26000", "42P05"].contains(error.sqlState) {
                    // Each prepares its statements in a session that the other then meets.
                    return .transaction
                }
                // A pooler makes up the process that it names when we connect.
                if ofFirst == [first.processID], ofSecond == [second.processID] { return .none }
                let isShared = !ofFirst.isDisjoint(with: ofSecond) || ofFirst.count > 1 || ofSecond.count > 1
                return isShared ? .transaction : .session
            }
        }
    }

    private static func serverProcess(_ connection: PostgresConnection) async throws -> Int {
        try await connection.query("SELECT pg_backend_pid()")[0].decode(at: 0, as: Int.self)
    }
}
