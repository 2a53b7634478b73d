import FactPulse
import Foundation
import Postgres

/// What one bulk operation does to one client that exists. To add an operation is to write one of these.
protocol ClientChange: Sendable {
    /// Looks at what must be known before the call. Nothing is sent that changes anything.
    /// - Throws: `FactPulseError`.
    func prepare(_ row: ChangeRow, _ client: ClientAPI) async throws -> Preparation

    /// Reads the client after a call whose answer was lost, once the server cannot carry it out any more.
    /// - Throws: `FactPulseError`.
    func settle(_ row: ChangeRow, _ client: ClientAPI) async throws -> Settled
}

/// A row whose client is known.
struct ChangeRow: Sendable {
    let operation: BulkOperation
    let uid: ClientUID
    /// As ``BulkOperation/fields(_:)`` has them.
    let fields: [String: String?]
    /// When the client had last changed before the call, by the server's clock; `nil`: nobody knows.
    let baseline: Date?
    /// Calls so far that the server may have carried out.
    let attempt: Int
}

enum Preparation: Sendable {
    case send(PreparedCall)
    /// The client is as the row asks for.
    case isSo
    /// The row cannot be sent.
    case refused(code: String, message: String)
}

/// A call that may leave once its intent is committed.
struct PreparedCall: Sendable {
    /// As ``ChangeRow/baseline``, read just now.
    let baseline: Date?
    /// Sends it with a client that checks the fence.
    let send: @Sendable (ClientAPI, Admission) async throws -> Sent
}

enum Sent: Sendable {
    case done
    /// The server said yes, but does not show what was asked for.
    case notApplied(String)
}

/// What a lost answer came to.
enum Settled: Sendable {
    /// The client is as the row asks for.
    case done
    /// The call was not carried out, and nothing else changed the client: it may be sent again.
    case absent
    /// The client is not as the row asks for, and something has changed it since: perhaps our call and then a person, so
    /// nothing is sent again by itself.
    case changedSince
}

extension Settled {
    /// - Parameters:
    ///   - isSo: Whether the client is as the row asks for.
    ///   - updatedAt: When it changed last. The server may show whole seconds only.
    init(isSo: Bool, updatedAt: Date?, baseline: Date?) {
        let second = { (date: Date?) in date.map { $0.timeIntervalSince1970.rounded(.down) } }
        self = isSo ? .done : baseline != nil && second(updatedAt) == second(baseline) ? .absent : .changedSince
    }
}
