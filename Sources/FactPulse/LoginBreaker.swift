/// Stops us from locking the account: after three refused logins in a row none is tried for a minute. Pure.
struct LoginBreaker: Sendable {
    static let mostRefusals = 3
    static let pause: Duration = .seconds(60)

    private var refusals = 0
    /// Whether these credentials have ever worked, and have not been refused three times since.
    private var areProven = false
    private var heldUntil: ContinuousClock.Instant?

    /// - Returns: Whether a login may be tried.
    func isOpen(at now: ContinuousClock.Instant) -> Bool {
        heldUntil.map { now >= $0 } ?? true
    }

    mutating func succeeded() {
        self = LoginBreaker()
        areProven = true
    }

    /// Counts a refusal (400 or 401).
    /// - Returns: Whether the credentials are to blame. A client's token may also be refused because the client is not
    ///   ours; that is believed as long as the credentials are known to work.
    mutating func refused(_ scope: Scope, at now: ContinuousClock.Instant) -> Bool {
        refusals += 1
        if scope == .account || refusals >= Self.mostRefusals { areProven = false }
        // The one try after a pause does not earn three more.
        if refusals >= Self.mostRefusals { heldUntil = now + Self.pause }
        return !areProven
    }
}
