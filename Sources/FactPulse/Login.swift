import Foundation
import NIOHTTP1
import Synchronization

/// Fetches tokens with an e-mail address and a password.
final class Login: Sendable {
    private let wire: Wire
    private let email: String
    private let password: Secret
    private let breaker = Mutex(LoginBreaker())

    init(_ wire: Wire, email: String, password: Secret) {
        self.wire = wire
        self.email = email
        self.password = password
    }

    private struct LoginBody: Encodable {
        let username, password: String
        let client_uid: ClientUID?
    }

    private struct RefreshBody: Encodable {
        let refresh: String
    }

    /// - Parameter refresh: Tried first when there is one; the password only when it is refused.
    /// - Throws: ``FactPulseError`` about `.token`.
    func fetch(_ scope: Scope, refresh: Secret?) async throws(FactPulseError) -> AccessToken {
        guard let refresh else { return try await logIn(scope) }
        do {
            return try await request(.refreshToken, RefreshBody(refresh: refresh.reveal), [refresh], keeping: refresh)
        } catch {
            switch error.outcome {
            case .notSent, .throttled: throw error
            case .refused, .unauthorized, .credentialsRefused, .uncertain: return try await logIn(scope)
            }
        }
    }

    /// Logs in for a scope. A login for a client may be refused because the client is not ours, with the very status of
    /// a wrong password; then a login for the account alone tells whose fault it is.
    private func logIn(_ scope: Scope) async throws(FactPulseError) -> AccessToken {
        do {
            return try await tryPassword(scope)
        } catch {
            guard error.outcome == .credentialsRefused, let status = error.status, scope != .account else {
                throw error
            }
            try await provePassword()
            throw error.with(.refused(status: status))
        }
    }

    /// - Throws: `.credentialsRefused` when the password is wrong; any other outcome when nobody can tell now.
    private func provePassword() async throws(FactPulseError) {
        do {
            _ = try await tryPassword(.account)
        } catch {
            switch error.outcome {
            case .credentialsRefused, .notSent, .throttled: throw error
            case .refused, .unauthorized, .uncertain: throw error.with(.notSent(.tokenUnavailable))
            }
        }
    }

    private func tryPassword(_ scope: Scope) async throws(FactPulseError) -> AccessToken {
        guard breaker.withLock({ $0.isOpen(at: .now) }) else {
            var error = FactPulseError(.token, .credentialsRefused)
            error.detail = "refused repeatedly: no login for a minute, to keep the account from being locked"
            throw error
        }
        let body = LoginBody(username: email, password: password.reveal, client_uid: scope.uid)
        do {
            let token = try await request(.token, body, [password], keeping: nil)
            breaker.withLock { $0.succeeded() }
            return token
        } catch {
            if error.outcome == .credentialsRefused, scope == .account { breaker.withLock { $0.refused(at: .now) } }
            throw error
        }
    }

    private func request(
        _ operation: Operation,
        _ body: some Encodable,
        _ secrets: [Secret],
        keeping refresh: Secret?
    ) async throws(FactPulseError) -> AccessToken {
        try await wire.admit(operation)
        let request = try wire.request(operation, Scope.account, body: body, secrets: secrets)
        let timeout = wire.configuration.tokenTimeout
        return try await wire.send(request, timeout: timeout, check: nil) { data in
            let grant = try JSON.decode(TokenGrant.self, from: data)
            return AccessToken(
                access: grant.access,
                refresh: grant.refresh ?? refresh,
                lifetime: grant.lifetime(now: Date()),
                at: .now
            )
        }
    }
}
