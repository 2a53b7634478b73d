import Synchronization

/// What was found so far, by several looks at once.
final class Diagnosis: Sendable {
    private let found = Mutex<[Check: Finding]>([:])

    subscript(check: Check) -> Finding? {
        get { found.withLock { $0[check] } }
        set { found.withLock { $0[check] = newValue } }
    }

    /// - Returns: Whether what rests on it can be looked at: it has not failed.
    @discardableResult
    func look(_ check: Check, _ body: () async throws -> Finding) async -> Bool {
        let finding: Finding
        do { finding = try await body() } catch { finding = Finding(error) }
        self[check] = finding
        if case .failed = finding { return false }
        return true
    }

    /// One finding a check, in order. What was not looked at is skipped, with the reason.
    var findings: [(check: Check, finding: Finding)] {
        Check.allCases.map { ($0, self[$0] ?? .skipped(reason(for: $0))) }
    }

    /// The status of the first failure.
    var status: ExitStatus {
        for case (_, .failed(let status, _)) in findings { return status }
        return .done
    }

    private func reason(for check: Check) -> String {
        var foundation = check.foundation
        while let below = foundation {
            if case .failed = self[below] { return "not looked at, because of: \(below.rawValue)" }
            foundation = below.foundation
        }
        return "not looked at: there was no time left"
    }
}
