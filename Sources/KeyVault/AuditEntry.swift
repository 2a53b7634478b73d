import Foundation
import Postgres

/// Who does what with which secret. Holds nothing secret itself.
package struct AuditEntry: Sendable, Hashable {
    /// The worker's name, or the person's at the command line.
    package var actor: String
    /// `rotate`, `reveal`, `rewrap`, … : one word for one kind of use.
    package var action: String
    /// `intent` before the use; what came of it, afterwards.
    package var outcome: String
    package var client: UUID?
    package var version: Int?
    package var fingerprint: Fingerprint?
    package var attempt: Int64?
    package var reason: String?

    package init(
        actor: String,
        action: String,
        outcome: String,
        client: UUID? = nil,
        version: Int? = nil,
        fingerprint: Fingerprint? = nil,
        attempt: Int64? = nil,
        reason: String? = nil
    ) {
        self.actor = actor
        self.action = action
        self.outcome = outcome
        self.client = client
        self.version = version
        self.fingerprint = fingerprint
        self.attempt = attempt
        self.reason = reason
    }

    /// Appends it to the audit log. The end of the chain stays locked until the commit: let this be the last statement
    /// of its transaction.
    package var insert: SQL {
        """
        SELECT factpulse.audit(\(actor), \(action), \(outcome), \(client)::uuid, \(version)::int, \(fingerprint)::text,
                               \(attempt)::bigint, \(reason)::text)
        """
    }
}
