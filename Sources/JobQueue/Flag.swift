import Synchronization

/// Set by one task, noticed by another.
final class Flag: Sendable {
    private let isSet = Atomic(false)

    func set() {
        isSet.store(true, ordering: .relaxed)
    }

    /// - Returns: Whether it was set; it is not any more.
    func take() -> Bool {
        isSet.exchange(false, ordering: .relaxed)
    }
}
