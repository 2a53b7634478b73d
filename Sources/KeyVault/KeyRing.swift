import Foundation

/// The KEKs of a deployment: the first seals, all of them open.
package struct KeyRing: Sendable {
    package let current: KeyEncryptionKey
    private let keys: [KeyEncryptionKey.ID: KeyEncryptionKey]

    /// - Throws: ``VaultError`` when there is no key, or two have the same id.
    package init(_ keys: [KeyEncryptionKey]) throws {
        guard let first = keys.first else { throw VaultError.kekMalformed("there is no key in it") }
        current = first
        self.keys = try Dictionary(keys.map { ($0.id, $0) }) { _, second in
            throw VaultError.kekMalformed("the key \(second.id) stands in it twice")
        }
    }

    /// Reads what a KEK file holds, or a KEK command prints: 32 raw bytes, or lines of base64 of 32 bytes each.
    ///
    /// The first line is the current key; those below only open what they sealed, until `keys rewrap` has been run.
    /// Blank lines and lines from `#` on are skipped. One file and not one a key, so that a change of KEK is one atomic
    /// replacement, as systemd and Kubernetes make it, and no two settings can disagree about which key is current.
    ///
    /// - Throws: ``VaultError`` with the number of the bad line, never its text.
    package init(contents: SecretBytes) throws {
        try self.init(
            contents.withBytes { bytes in
                if bytes.count == 32 { return [try KeyEncryptionKey(contents)] }
                let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                return try lines.enumerated().compactMap { number, line in
                    try Self.key(onLine: number + 1, UnsafeRawBufferPointer(rebasing: line))
                }
            }
        )
    }

    package var ids: Set<KeyEncryptionKey.ID> { Set(keys.keys) }

    subscript(id: KeyEncryptionKey.ID) -> KeyEncryptionKey? { keys[id] }

    private static func key(onLine number: Int, _ line: UnsafeRawBufferPointer) throws -> KeyEncryptionKey? {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        guard let first = line.firstIndex(where: { !isSpace($0) }), let last = line.lastIndex(where: { !isSpace($0) }),
            line[first] != UInt8(ascii: "#")
        else { return nil }
        let text = UnsafeMutableRawBufferPointer(mutating: UnsafeRawBufferPointer(rebasing: line[first...last]))
        guard let start = text.baseAddress else { return nil }
        // Without a copy: the line is a key.
        let base64 = Data(bytesNoCopy: start, count: text.count, deallocator: .none)
        guard var key = Data(base64Encoded: base64) else {
            throw VaultError.kekMalformed("line \(number) is not base64")
        }
        defer { key.wipe() }
        do {
            return try KeyEncryptionKey(SecretBytes(key))
        } catch VaultError.kekMalformed(let reason) {
            throw VaultError.kekMalformed("line \(number): \(reason)")
        }
    }
}
