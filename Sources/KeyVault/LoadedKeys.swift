import Synchronization

/// The KEKs as they were read last.
final class LoadedKeys: Sendable {
    private let source: KeySource
    private let ring: Mutex<KeyRing>

    init(_ source: KeySource) async throws {
        self.source = source
        ring = Mutex(try await source.load())
    }

    /// The KEK that seals.
    var current: KeyEncryptionKey { ring.withLock(\.current) }

    var ids: Set<KeyEncryptionKey.ID> { ring.withLock(\.ids) }

    /// A KEK by its id. One that is not known is looked for in the file once more: it may have been added since.
    /// - Throws: ``VaultError``.
    func key(_ id: KeyEncryptionKey.ID) async throws -> KeyEncryptionKey {
        if let key = ring.withLock({ $0[id] }) { return key }
        try await reload()
        guard let key = ring.withLock({ $0[id] }) else { throw VaultError.kekUnknown(id) }
        return key
    }

    func reload() async throws {
        let fresh = try await source.load()
        ring.withLock { $0 = fresh }
    }
}
