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

    /// What must be written together with what a lost answer came to.
    func write(_ settled: Settled, _ row: ChangeRow, in transaction: Transaction) async throws
}

extension ClientChange {
    func write(_ settled: Settled, _ row: ChangeRow, in transaction: Transaction) {}
}

/// A row whose client is known.
struct ChangeRow: Sendable {
    let run: Int64
    let row: Int64
    let operation: BulkOperation
    let uid: ClientUID
    /// As ``BulkOperation/fields(_:)`` has them.
    let fields: [String: String?]
    /// Under which the vault has the row's secret.
    let secretID: UUID?
    /// When the client had last changed before the call, by the server's clock; `nil`: nobody knows.
    let baseline: Date?
    /// Calls so far that the server may have carried out.
    let attempt: Int

    /// As the vault knows the client.
    var client: UUID {
        guard let client = UUID(uuidString: uid.text) else { preconditionFailure("a uid is a UUID") }
        return client
    }
}

enum Preparation: Sendable {
    case send(PreparedCall)
    /// The client is as the row asks for.
    case isSo
    /// The row cannot be sent.
    case refused(code: String, message: String)
    /// Something else must end first.
    case notNow
}

/// A call that may leave once its intent is committed.
struct PreparedCall: Sendable {
    /// As ``ChangeRow/baseline``, read just now.
    var baseline: Date?
    /// What must be committed together with the intent. `false`: not now, and nothing is kept.
    var atIntent: @Sendable (Transaction) async throws -> Bool = { _ in true }
    /// What must be committed together with the answer.
    var atAnswer: @Sendable (ChangeAnswer, Transaction) async throws -> Void = { _, _ in }
    /// Sends it with a client that checks the fence.
    var send: @Sendable (ClientAPI, Admission) async throws -> Sent
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
    /// The call was carried out, and what it gave is lost: it has to be done once more.
    /// - Parameter seen: When it was carried out, by the server's clock.
    case lost(seen: Date?)
}

extension Settled {
    /// - Parameters:
    ///   - isSo: Whether the client is as the row asks for.
    ///   - updatedAt: When it changed last.
    init(isSo: Bool, updatedAt: Date?, baseline: Date?) {
        self = isSo ? .done : Self.isUnchanged(updatedAt, baseline) ? .absent : .changedSince
    }

    /// Whether nothing has changed since `baseline`. A server may show whole seconds here and parts of them there.
    static func isUnchanged(_ updatedAt: Date?, _ baseline: Date?) -> Bool {
        guard let now = updatedAt?.timeIntervalSince1970, let then = baseline?.timeIntervalSince1970 else {
            return false
        }
        let (second, isCut) = (then.rounded(.down), now == now.rounded(.down) || then == then.rounded(.down))
        return abs(now - then) < 1e-6 || isCut && now.rounded(.down) == second
    }
}
