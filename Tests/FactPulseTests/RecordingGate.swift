import FactPulse
import Synchronization

/// A gate that lets everything pass, or nothing, and remembers what it was told.
final class RecordingGate: RequestGate {
    enum Event: Equatable, Sendable {
        case admitted, succeeded
        case throttled(Duration?)
    }

    private let state = Mutex<[Event]>([])
    private let closed: RequestGateClosed?

    init(closed: RequestGateClosed? = nil) {
        self.closed = closed
    }

    var events: [Event] { state.withLock { $0 } }

    func admit() async throws(RequestGateClosed) {
        if let closed { throw closed }
        state.withLock { $0.append(.admitted) }
    }

    func throttled(retryAfter: Duration?) async { state.withLock { $0.append(.throttled(retryAfter)) } }
    func succeeded() { state.withLock { $0.append(.succeeded) } }
}
