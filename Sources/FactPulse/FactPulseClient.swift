import Logging

/// The FactPulse client management API. A scope is a type: ``account`` and ``client(_:)`` have different operations, so
/// an account's call cannot be made with a client's token.
///
/// A cheap value over shared connections and tokens; make one for the program, and ``shutdown()`` it at the end.
/// Nothing is ever sent twice, except once more after a 401, which says that nothing happened.
package struct FactPulseClient: Sendable {
    let session: Session
    private var check: Departure.Check?

    package init(_ configuration: FactPulseConfiguration, gate: any RequestGate, logger: Logger) {
        session = Session(configuration, gate: gate, logger: logger)
    }

    /// Operations on the account's list of clients.
    package var account: AccountAPI { AccountAPI(session: session, check: check) }

    /// Operations on one client.
    package func client(_ uid: ClientUID) -> ClientAPI { ClientAPI(session: session, uid: uid, check: check) }

    /// How long no request is sent because the host fails; `nil` when requests are sent.
    package var closedFor: Duration? { session.closedFor }

    /// The same client, which asks `check` at the last moment before each request leaves, when a connection is already up
    /// (before a connection is looked for, where the request has no body).
    ///
    /// What `check` throws stops the request: the call throws `.notSent(.guardRefused)` with it as `guardError`. It runs
    /// in a task of the HTTP client, without the caller's task-local values. Token requests do not ask.
    package func guarded(by check: @escaping @Sendable () async throws -> Void) -> FactPulseClient {
        var copy = self
        copy.check = check
        return copy
    }

    /// Closes the connections. Requests under way fail as cancelled; the client cannot be used again.
    package func shutdown() async throws {
        try await session.shutdown()
    }
}
