/// Stops us from locking the account: after three refused logins in a row none is tried for a minute. Pure.
struct LoginBreaker: Sendable {
    static let mostRefusals = 3
    static let pause: Duration = .seconds(60)

    private var refusals = 0
    private var heldUntil: ContinuousClock.Instant?

    /// - Returns: Whether a login may be tried.
    func isOpen(at now: ContinuousClock.Instant) -> Bool {
        heldUntil.map { now >= $0 } ?? true
    }

    mutating func succeeded() {
        self = LoginBreaker()
    }

    mutating func refused(at now: ContinuousClock.Instant) {
        refusals += 1
        // The one try after a pause does not earn three more.
        if refusals >= Self.mostRefusals { heldUntil = now + Self.pause }
    }
}
