import Crypto
import Foundation

/// Bytes that must never be printed: a client's key, a webhook secret, a key-encryption key.
///
/// Every way of printing it gives `<redacted>`; it has no children for `dump` and `Mirror`, and it is not `Encodable`.
/// ``withBytes(_:)`` is the one door, easy to find in a review. The memory is zeroed as the last copy goes.
///
/// `FactPulse` has a `Secret` of its own, for texts that go into requests. Neither floor may import the other, so
/// there are two; this one has another name, so that `Jobs` can use both.
package struct SecretBytes: Sendable {
    private let storage: Storage

    package var count: Int { storage.buffer.count }

    /// Copies the bytes. Wiping where they came from is the caller's business.
    package init(_ bytes: some ContiguousBytes) {
        storage = bytes.withUnsafeBytes { source in
            Storage(count: source.count) { $0.copyMemory(from: source) }
        }
    }

    /// - Parameter fill: Writes the bytes into zeroed memory.
    init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        storage = try Storage(count: count, fill: fill)
    }

    /// 32 bytes from the system's random generator: an AES-256 key.
    package static func randomKey() -> SecretBytes {
        SecretBytes(SymmetricKey(size: .bits256))
    }

    /// The bytes themselves, for the time of `body`. Give them only to what needs them, and keep no copy.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeRawBufferPointer(storage.buffer))
    }

    /// Owns the memory. Written once, before anybody else can see it, so it is safe to share.
    private final class Storage: @unchecked Sendable {
        let buffer: UnsafeMutableRawBufferPointer

        init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
            buffer = .allocate(byteCount: count, alignment: 16)
            wipe(buffer)
            try fill(buffer)
        }

        deinit {
            wipe(buffer)
            buffer.deallocate()
        }
    }
}

extension SecretBytes: Equatable {
    /// Takes as long for a wrong first byte as for a wrong last one.
    package static func == (one: SecretBytes, other: SecretBytes) -> Bool {
        guard one.count == other.count else { return false }
        return one.withBytes { one in other.withBytes { other in zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0 }
        }
    }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Zeroes memory in a way that the compiler cannot leave out because nobody reads it afterwards.
func wipe(_ buffer: UnsafeMutableRawBufferPointer) {
    guard let start = buffer.baseAddress else { return }
    #if canImport(Darwin)
        memset_s(start, buffer.count, 0, buffer.count)
    #else
        explicit_bzero(start, buffer.count)
    #endif
}

extension Data {
    /// Zeroes what a library gave us, once it has been copied into a ``SecretBytes``.
    mutating func wipe() {
        withUnsafeMutableBytes { KeyVault.wipe($0) }
    }
}
