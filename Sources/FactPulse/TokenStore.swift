/// Keeps one token a scope, and fetches each only once however many calls wait for it.
actor TokenStore {
    typealias Fetch = @Sendable (Scope, _ refresh: Secret?) async throws(FactPulseError) -> AccessToken

    private enum Arrival: Sendable {
        case token(AccessToken)
        case failure(FactPulseError)
        /// The call that was fetching has been cancelled: somebody else must.
        case abandoned
    }

    private struct Entry {
        var token: AccessToken?
        var lastUse = 0
        /// Those who wait for the fetch that is under way; `nil` when none is.
        var waiters: [AsyncStream<Arrival>.Continuation]?
    }

    private let limit: Int
    private let fetch: Fetch
    private var entries: [Scope: Entry] = [:]
    private var uses = 0

    init(limit: Int, fetch: @escaping Fetch) {
        self.limit = max(limit, 1)
        self.fetch = fetch
    }

    /// A token that is good for longer than any request.
    func token(_ scope: Scope) async throws(FactPulseError) -> AccessToken {
        while true {
            if let token = fresh(scope) { return token }
            guard entries[scope]?.waiters != nil else { return try await lead(scope) }
            switch await join(scope) {
            case .token(let token): return token
            case .failure(let error): throw error
            case .abandoned: continue
            // The stream ended without a word: this task was cancelled.
            case nil: throw FactPulseError(.token, .notSent(.cancelled))
            }
        }
    }

    /// Forgets the token that a server refused, unless it has been replaced meanwhile.
    func evict(_ scope: Scope, _ refused: AccessToken) {
        guard entries[scope]?.token?.access == refused.access else { return }
        entries[scope]?.token = nil
    }

    /// How many calls wait for the fetch of another.
    func waiting(_ scope: Scope) -> Int { entries[scope]?.waiters?.count ?? 0 }

    private func fresh(_ scope: Scope) -> AccessToken? {
        guard let token = entries[scope]?.token, ContinuousClock.now < token.renewAt else { return nil }
        uses += 1
        entries[scope]?.lastUse = uses
        return token
    }

    private func lead(_ scope: Scope) async throws(FactPulseError) -> AccessToken {
        entries[scope, default: Entry()].waiters = []
        let result: Result<AccessToken, FactPulseError>
        do {
            result = .success(try await fetch(scope, entries[scope]?.token?.refresh))
        } catch {
            result = .failure(error)
        }
        settle(scope, result, isAbandoned: Task.isCancelled)
        return try result.get()
    }

    private func join(_ scope: Scope) async -> Arrival? {
        let (arrivals, continuation) = AsyncStream.makeStream(of: Arrival.self)
        entries[scope]?.waiters?.append(continuation)
        return await arrivals.first { _ in true }
    }

    private func settle(_ scope: Scope, _ result: Result<AccessToken, FactPulseError>, isAbandoned: Bool) {
        let waiters = entries[scope]?.waiters ?? []
        entries[scope]?.waiters = nil
        let arrival: Arrival
        switch result {
        case .success(let token):
            uses += 1
            entries[scope]?.token = token
            entries[scope]?.lastUse = uses
            arrival = .token(token)
        case .failure(let error):
            // An old token stays for its refresh token, which is good for days.
            if entries[scope]?.token == nil { entries[scope] = nil }
            arrival = isAbandoned ? .abandoned : .failure(error)
        }
        for waiter in waiters {
            waiter.yield(arrival)
            waiter.finish()
        }
        forgetOldest()
    }

    private func forgetOldest() {
        while entries.count > limit,
            let oldest = entries.filter({ $0.value.waiters == nil }).min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            entries[oldest.key] = nil
        }
    }
}
