import Logging

/// Listens for notifications on a session of its own, and connects again whenever that is lost.
///
/// What was notified while it was not connected is lost: a reader looks at the tables once after each `.connected`.
package struct Listener: Sendable {
    package enum Event: Sendable, Hashable {
        /// After every connect, the first included.
        case connected
        case notification(channel: String, payload: String)
    }

    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let logger: Logger

    /// - Parameter configuration: Of the server itself: LISTEN does not pass a PgBouncer in transaction mode.
    package init(_ configuration: PostgresConfiguration, channels: [String], logger: Logger) {
        self.configuration = configuration
        self.channels = channels
        self.logger = logger
    }

    /// The events, until the task is cancelled. A failed connect is logged and tried again after a pause of random
    /// length, up to 0.1 s at first and 10 s in the end. The session ends with the iterator.
    package var events: Events { Events(listener: self) }

    package struct Events: AsyncSequence, Sendable {
        fileprivate let listener: Listener

        package func makeAsyncIterator() -> Iterator { Iterator(listener) }

        package final class Iterator: AsyncIteratorProtocol {
            private let listener: Listener
            private var session: ListeningSession?
            private var failures = 0

            fileprivate init(_ listener: Listener) {
                self.listener = listener
            }

            package func next() async -> Event? {
                if let event = await session?.next() { return event }
                session = nil
                while !Task.isCancelled {
                    do {
                        session = try await listener.listen()
                        failures = 0
                        return .connected
                    } catch {
                        await pause(after: error)
                    }
                }
                return nil
            }

            private func pause(after error: PostgresError) async {
                guard error.kind != .cancelled else { return }
                listener.logger.warning("Cannot listen for notifications", metadata: ["error": "\(error)"])
                let longest = Swift.min(10, 0.1 * Double(1 << Swift.min(failures, 10)))
                failures += 1
                // Cancellation ends the pause, and the caller's loop looks for it.
                try? await Task.sleep(for: .seconds(.random(in: 0...longest)))
            }
        }
    }

    private func listen() async throws(PostgresError) -> ListeningSession {
        let session = try await ListeningSession(configuration, logger: logger)
        for channel in channels {
            try await session.connection.run(script: "LISTEN \(SQL.quoted(channel))")
        }
        return session
    }
}

/// One session that listens. It ends with this object.
private final class ListeningSession: Sendable {
    let connection: PostgresConnection
    private let events: AsyncStream<Listener.Event>

    init(_ configuration: PostgresConfiguration, logger: Logger) async throws(PostgresError) {
        // Bounded, as a reader that is 1000 events behind is told nothing new by the next.
        let (events, inbox) = AsyncStream.makeStream(of: Listener.Event.self, bufferingPolicy: .bufferingOldest(1000))
        self.events = events
        connection = try await PostgresConnection.connect(configuration, logger: logger) { event in
            switch event {
            case .notification(let channel, let payload):
                inbox.yield(.notification(channel: channel, payload: payload))
            case .closed:
                inbox.finish()
            }
        }
    }

    deinit {
        connection.channel.close()
    }

    /// - Returns: `nil` when the session has ended or the task is cancelled.
    func next() async -> Listener.Event? {
        var iterator = events.makeAsyncIterator()
        return await iterator.next()
    }
}
