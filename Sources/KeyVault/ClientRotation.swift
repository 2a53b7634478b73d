import Foundation

/// The rotation of one client as the tables have it.
package struct ClientRotation: Sendable, Hashable {
    package let client: UUID
    /// The open attempt; `nil` until one was opened.
    package internal(set) var attempt: Int64?
    /// How often the attempt was stored: whoever has read an older one may not write.
    var revision = 0
    /// To be changed by its own methods, then stored with ``Vault/save(_:settle:rotatedCount:audit:in:)``.
    package var rules: Rotation
    /// The database's clock when it was read or stored last.
    package internal(set) var asOf: Date
    /// Every version that can be opened.
    package internal(set) var keys: [Int: SealedSecret]
    /// A key that an earlier life committed and did not escrow: to be finished before another is made.
    package internal(set) var unfinished: SealedSecret?
    /// The number that a new key gets.
    package internal(set) var nextVersion: Int

    /// The unfinished key is escrowed: it may be used.
    package mutating func keyReady() {
        guard let unfinished else { return }
        rules.keyReady(unfinished.name.version)
        self.unfinished = nil
    }

    /// The attempt's state in the table.
    var state: String { rules.end?.rawValue ?? (rules.doubts > 0 ? "uncertain" : "open") }

    /// Every version that the rules speak of, and how it is to be stored.
    var states: [(version: Int, state: SecretState)] {
        keys.keys.sorted().compactMap { version in rules.state(of: version).map { (version, $0) } }
    }
}
