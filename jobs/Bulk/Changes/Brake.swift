import Synchronization

/// Counts denials that follow each other in a run. One may be about its client; several are about the account.
final class Brake: Sendable {
    static let limit = 5

    private let denials = Mutex<[Int64: Int]>([:])

    func isPulled(by answer: ChangeAnswer, of run: Int64) -> Bool {
        denials.withLock { denials in
            guard case .denied = answer else {
                if answer.isFromTheServer { denials[run] = nil }
                return false
            }
            denials[run, default: 0] += 1
            guard denials[run, default: 0] >= Self.limit else { return false }
            denials[run] = nil
            return true
        }
    }
}
