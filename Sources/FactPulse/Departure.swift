import NIOCore
import Synchronization

/// Runs the last check before a request leaves, and remembers whether any of it that a server could act on has left.
///
/// A request with a body hands it over as a sequence: the HTTP client asks for it only when a connection is up and the
/// head is written. A server cannot act on a head whose body is missing, so until then nothing can have happened, and
/// the check runs as late as it can. A request without body counts as left when it is handed over.
final class Departure: Sendable {
    typealias Check = @Sendable () async throws -> Void

    private struct State {
        var mayHaveLeft = false
        var refusal: (any Error)?
    }

    private let check: Check?
    private let state = Mutex(State())

    init(check: Check?) {
        self.check = check
    }

    var mayHaveLeft: Bool { state.withLock { $0.mayHaveLeft } }
    /// What the check threw.
    var refusal: (any Error)? { state.withLock { $0.refusal } }

    func depart() async throws {
        do {
            try await check?()
        } catch {
            state.withLock { $0.refusal = error }
            throw error
        }
        // Set before the bytes are handed over: when in doubt, it has left.
        state.withLock { $0.mayHaveLeft = true }
    }
}

/// One piece of body that is handed over only when its ``Departure`` allows it.
struct DepartingBody: AsyncSequence, Sendable {
    let bytes: ByteBuffer
    let departure: Departure

    struct AsyncIterator: AsyncIteratorProtocol {
        var bytes: ByteBuffer?
        let departure: Departure

        mutating func next() async throws -> ByteBuffer? {
            guard let bytes else { return nil }
            self.bytes = nil
            try await departure.depart()
            return bytes
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(bytes: bytes, departure: departure)
    }
}
