import Postgres

/// What is said of the facts about a server.
enum ServerChecks {
    static let longTransaction = Duration.seconds(300)

    /// A lost commit is worse here than elsewhere: a client whose creation was forgotten is created again.
    static func durability(_ facts: ServerFacts) -> Finding {
        var losses: [String] = []
        if !facts.fsync { losses.append("fsync is off") }
        if !facts.fullPageWrites { losses.append("full_page_writes is off") }
        if facts.synchronousCommit == "off" { losses.append("synchronous_commit is off") }
        guard losses.isEmpty else {
            return .warning(
                "\(losses.joined(separator: ", ")), so a crash of the server can forget that a client was created: "
                    + "set to on in postgresql.conf"
            )
        }
        if facts.replicas > 0, facts.synchronousStandbyNames.isEmpty {
            return .warning(
                "\(facts.replicas.counted("replica")), none synchronous, so a failover can forget that a client was created: "
                    + "set synchronous_standby_names"
            )
        }
        return .ok("commits survive a crash of the server")
    }

    /// - Parameter isKnown: Whether the settings say that there is one, so that nothing is asked of a session.
    static func pooler(_ pooler: Pooler, isKnown: Bool, _ facts: ServerFacts) -> Finding {
        switch pooler {
        case .none: .ok("none: each connection is the server's own")
        case .session: .ok("one in session mode")
        case .transaction where isKnown && facts.idleInTransactionTimeout == .zero:
            .warning(
                "one in transaction mode, and nothing ends a transaction that a stopped worker left open: ALTER ROLE "
                    + "\(facts.user) SET idle_in_transaction_session_timeout = '10s'"
            )
        case .transaction where isKnown: .ok("one in transaction mode, as DATABASE_PGBOUNCER says")
        case .transaction:
            .warning("one in transaction mode, through which LISTEN does not work: set DATABASE_PGBOUNCER=true")
        }
    }

    /// - Parameters:
    ///   - workers: That live now.
    ///   - pool: Connections of one worker, besides those for heartbeats and LISTEN.
    static func connections(_ facts: ServerFacts, workers: Int, pool: Int) -> Finding {
        let each = pool + 3
        let needed = max(1, workers) * each
        let use = "\(facts.connections) of \(facts.connectionLimit) in use"
        guard needed <= facts.connectionLimit else {
            return .warning(
                "\(max(1, workers).counted("worker")) with \(each) each may need \(needed), and the limit is "
                    + "\(facts.connectionLimit): lower DATABASE_POOL or raise max_connections"
            )
        }
        if facts.connections * 10 >= facts.connectionLimit * 9 {
            return .warning("\(use): close some or raise max_connections")
        }
        return .ok("\(use), a worker takes up to \(each)")
    }

    static func rights(_ missing: [String], _ facts: ServerFacts) -> Finding {
        guard let first = missing.first else { return .ok("\(facts.user) may read and write all tables") }
        let more = missing.count > 1 ? " (and \(missing.count - 1) more)" : ""
        return .failed(
            .configuration,
            "the user \(facts.user) lacks \(first)\(more): grant it, or let the user who migrates run the worker"
        )
    }

    static func transactions(_ held: [HeldSnapshot], seesOthers: Bool) -> Finding {
        if let oldest = held.first {
            let age = oldest.age.map { " for \($0.spoken)" } ?? ""
            return .warning(
                "\(oldest.holder) keeps old rows from being cleaned up\(age), which slows the queue: end it"
            )
        }
        guard seesOthers else {
            return .ok("none is old among this user's own; to see those of others: GRANT pg_monitor")
        }
        return .ok("none has been open for \(longTransaction.spoken)")
    }
}
