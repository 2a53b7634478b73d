import Foundation

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
    /// The keys of the Chorus Pro secrets, in the order in which they were added.
    package let chorusKeyFingerprints: [String]
}

/// One request to an operation, in the order in which they arrived.
package struct SandboxRequest: Codable, Sendable, Hashable {
    package let seq: Int
    /// `2026-01-02T03:04:05.000006Z`
    package let at: String
    package let operation: SandboxOperation
    /// The path's `{uid}`, as sent.
    package let uid: String?
    /// Of the answer; `cut` when the connection was closed instead. `nil`: no answer yet.
    package let status: String?
    /// From its arrival to its answer.
    package let milliseconds: Double?
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
    /// What the `change` and `churn` faults did to clients.
    package let changes: Int
}

/// Counts what was asked, answered and done.
struct Ledger: Sendable {
    private(set) var byOperation: [String: LedgerReport.Count] = [:]
    private(set) var effects: [SandboxEffect] = []
    private(set) var peakPerSecond = 0
    private var effectCounts: [SandboxOperation: Int] = [:]
    private var currentSecond: Int64 = 0
    private var inCurrentSecond = 0
    private let start = ContinuousClock.now

    private struct Entry {
        let operation: SandboxOperation
        let uid: String?
        let at: Timestamp
        let begin: ContinuousClock.Instant
        var status: String?
        var end: ContinuousClock.Instant?
    }

    private var entries: [Entry] = []

    var requests: Int { entries.count }

    /// - Returns: The request's number, for ``answered(_:_:)``.
    mutating func arrived(_ operation: SandboxOperation, _ uid: String?, at now: ContinuousClock.Instant) -> Int {
        let wall = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        entries.append(Entry(operation: operation, uid: uid, at: wall, begin: now))
        byOperation[operation.rawValue, default: .init()].count += 1
        let second = (now - start).components.seconds
        inCurrentSecond = second == currentSecond ? inCurrentSecond + 1 : 1
        currentSecond = second
        peakPerSecond = max(peakPerSecond, inCurrentSecond)
        return entries.count
    }

    mutating func answered(_ request: Int, _ status: String) {
        // A reset may have forgotten it.
        guard entries.indices.contains(request - 1) else { return }
        entries[request - 1].status = status
        entries[request - 1].end = .now
        byOperation[entries[request - 1].operation.rawValue, default: .init()].statuses[status, default: 0] += 1
    }

    func requests(since: Int, limit: Int) -> [SandboxRequest] {
        let first = min(max(0, since), entries.count)
        return entries.indices.dropFirst(first).prefix(max(0, limit)).map { index in
            let entry = entries[index]
            return SandboxRequest(
                seq: index + 1,
                at: entry.at.text(.microseconds),
                operation: entry.operation,
                uid: entry.uid,
                status: entry.status,
                milliseconds: entry.end.map { ($0 - entry.begin) / .milliseconds(1) }
            )
        }
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
                keyFingerprint: client.pdp?.secret.keyFingerprint,
                chorusKeyFingerprints: client.chorus.compactMap(\.keyFingerprint)
            )
        )
    }

    func arrivals(_ operation: SandboxOperation) -> Int { byOperation[operation.rawValue]?.count ?? 0 }

    func effects(of operation: SandboxOperation) -> Int { effectCounts[operation] ?? 0 }
}
