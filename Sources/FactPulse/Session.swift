import Foundation
import Logging
import NIOHTTP1

/// What all values of one client share: the connections, the tokens, the breakers.
final class Session: Sendable {
    private let wire: Wire
    /// `nil` with an API key.
    private let tokens: TokenStore?

    init(_ configuration: FactPulseConfiguration, gate: any RequestGate, logger: Logger) {
        let wire = Wire(configuration, gate: gate, logger: logger)
        self.wire = wire
        switch configuration.credentials {
        case .apiKey:
            tokens = nil
        case .password(let email, let password):
            let login = Login(wire, email: email, password: password)
            tokens = TokenStore(limit: configuration.tokenCacheLimit) { scope, refresh throws(FactPulseError) in
                try await login.fetch(scope, refresh: refresh)
            }
        }
    }

    func shutdown() async throws {
        try await wire.shutdown()
    }

    var closedFor: Duration? { wire.closedFor }

    /// Gets a token, then the gate's permit, which must not grow old while a login is under way.
    func admit(_ operation: Operation, _ scope: Scope) async throws(FactPulseError) -> Admission {
        let token: AccessToken?
        do {
            token = try await tokens?.token(scope)
        } catch {
            throw error.asPrelude(to: operation, scope: scope)
        }
        try await wire.admit(operation)
        return Admission(scope: scope, token: token)
    }

    /// Makes one call. A 401 renews the token and sends the request once more, for a 401 says that nothing happened;
    /// nothing else is ever sent twice.
    ///
    /// Both sendings share one request timeout: who wrote down when the first began knows when the last has ended.
    func call<Answer: Sendable>(
        _ call: Call,
        admission: Admission?,
        check: Departure.Check?,
        read: (Data) throws -> Answer
    ) async throws(FactPulseError) -> Answer {
        let first: Admission
        if let admission { first = admission } else { first = try await admit(call.operation, call.scope) }
        let begin = ContinuousClock.now
        let timeout = wire.configuration.requestTimeout
        do {
            return try await send(call, first, timeout, check, read)
        } catch {
            guard error.outcome == .unauthorized, let tokens, let token = first.token else { throw error }
            await tokens.evict(call.scope, token)
        }
        let second = try await admit(call.operation, call.scope)
        let rest = timeout - (ContinuousClock.now - begin)
        guard rest > .zero else { throw FactPulseError(call.operation, .notSent(.timeout)) }
        do {
            return try await send(call, second, rest, check, read)
        } catch {
            if error.outcome == .unauthorized, let tokens, let token = second.token {
                await tokens.evict(call.scope, token)
            }
            throw error
        }
    }

    private func send<Answer: Sendable>(
        _ call: Call,
        _ admission: Admission,
        _ timeout: Duration,
        _ check: Departure.Check?,
        _ read: (Data) throws -> Answer
    ) async throws(FactPulseError) -> Answer {
        guard admission.scope == call.scope else {
            var error = FactPulseError(call.operation, .notSent(.invalidRequest))
            error.detail = "the admission is for another scope: a bug"
            throw error
        }
        let noBody: Never? = nil
        var request =
            if let body = call.body {
                try wire.request(call.operation, call.scope, query: call.query, body: body, secrets: call.secrets)
            } else {
                try wire.request(call.operation, call.scope, query: call.query, body: noBody, secrets: call.secrets)
            }
        if let key = call.encryptionKey {
            request.headers.add(name: "X-Encryption-Key", value: key.base64.reveal)
            request.secrets.append(key.base64)
        }
        if let token = admission.token { request.authorize(.bearer(token.access)) }
        if case .apiKey(let key) = wire.configuration.credentials { request.authorize(.apiKey(key)) }
        return try await wire.send(request, timeout: timeout, check: check, read: read)
    }
}

/// One of the twelve operations (or `me`), with what it sends.
struct Call: Sendable {
    let operation: Operation
    let scope: Scope
    var query = ""
    var body: (any Encodable & Sendable)?
    var encryptionKey: EncryptionKey?
    /// What the body holds that must not be quoted.
    var secrets: [Secret] = []
}

extension Session: CustomReflectable {
    /// Shows nothing: behind it are every connection, buffer and token, and a dump would walk through them all.
    var customMirror: Mirror { Mirror(self, children: []) }
}
