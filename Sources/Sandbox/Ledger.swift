/// One change the API made, in the order they happened.
package struct SandboxEffect: Codable, Sendable, Hashable {
    package let seq: Int
    /// `2026-01-02T03:04:05.000006Z`
    package let at: String
    package let operation: SandboxOperation
    package let uid: String
    package let siret: String?
    package let name: String
    /// The key the client's double-encrypted PDP secret opens under once this change is made; see `CustomerKey`.
    package let keyFingerprint: String?
}

/// The ledger as `GET /__sandbox/ledger` answers it.
package struct LedgerReport: Codable, Sendable {
    package struct Count: Codable, Sendable, Hashable {
        package var count = 0
        /// Answers sent, by status; `cut` for a connection closed without one.
        package var statuses: [String: Int] = [:]
    }

    package let requests: Int
    /// Keyed by ``SandboxOperation`` raw value.
    package let byOperation: [String: Count]
    package let clients: Int
    package let clientsBySiret: [String: Int]
    /// The SIRETs that more than one client carries.
    package let duplicates: [String]
    package let effects: [SandboxEffect]
    /// The most requests that arrived within one whole second of the server's clock.
    package let peakRequestsPerSecond: Int
    /// Requests that the `rateLimit` faults refused.
    package let overLimit: Int
}

/// Counts what was asked, answered and done.
struct Ledger: Sendable {
    private(set) var requests = 0
    private(set) var byOperation: [String: LedgerReport.Count] = [:]
    private(set) var effects: [SandboxEffect] = []
    private(set) var peakPerSecond = 0
    private var effectCounts: [SandboxOperation: Int] = [:]
    private var currentSecond: Int64 = 0
    private var inCurrentSecond = 0
    private let start = ContinuousClock.now

    mutating func arrived(_ operation: SandboxOperation, at now: ContinuousClock.Instant) {
        requests += 1
        byOperation[operation.rawValue, default: .init()].count += 1
        let second = (now - start).components.seconds
        inCurrentSecond = second == currentSecond ? inCurrentSecond + 1 : 1
        currentSecond = second
        peakPerSecond = max(peakPerSecond, inCurrentSecond)
    }

    mutating func answered(_ operation: SandboxOperation, _ status: String) {
        byOperation[operation.rawValue, default: .init()].statuses[status, default: 0] += 1
    }

    mutating func changed(_ operation: SandboxOperation, _ client: ClientRecord, at time: Timestamp) {
        effectCounts[operation, default: 0] += 1
        effects.append(
            SandboxEffect(
                seq: effects.count + 1,
                at: time.text(.microseconds),
                operation: operation,
                uid: client.uidText,
                siret: client.siret,
                name: client.name,
                keyFingerprint: client.pdp?.secret.keyFingerprint
            )
        )
    }

    func arrivals(_ operation: SandboxOperation) -> Int { byOperation[operation.rawValue]?.count ?? 0 }

    func effects(of operation: SandboxOperation) -> Int { effectCounts[operation] ?? 0 }
}
