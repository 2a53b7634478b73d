import Foundation

/// The rotation of one client as the tables have it.
package struct ClientRotation: Sendable, Hashable {
    package let client: UUID
    /// The open attempt; `nil` until one was opened.
    package internal(set) var attempt: Int64?
    /// To be changed by its own methods, then stored with ``Vault/save(_:settle:rotatedCount:audit:in:)``.
    package var rules: Rotation
    /// Every version that can be opened.
    package internal(set) var keys: [Int: SealedSecret]
    /// A key that an earlier life committed and did not escrow: to be finished before another is made.
    package internal(set) var unfinished: SealedSecret?
    /// The number that a new key gets.
    package internal(set) var nextVersion: Int

    /// The attempt's state in the table.
    var state: String { rules.end?.rawValue ?? (rules.doubts > 0 ? "uncertain" : "open") }

    /// Every version that the rules speak of, and how it is to be stored.
    var states: [(version: Int, state: SecretState)] {
        keys.keys.sorted().compactMap { version in rules.state(of: version).map { (version, $0) } }
    }
}
