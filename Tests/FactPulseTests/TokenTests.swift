import Foundation
import Synchronization
import Testing

@testable import FactPulse

struct TokenTests {
    private func jwt(_ claims: String) -> String {
        let payload = Data(claims.utf8).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return "eyJhbGciOiJIUzI1NiJ9.\(payload).sig"
    }

    private func lifetime(_ access: String, _ more: String = "", now: Double = 1000) throws -> Duration {
        let grant = try JSON.decode(TokenGrant.self, from: Data(#"{"access":"\#(access)"\#(more)}"#.utf8))
        return grant.lifetime(now: Date(timeIntervalSince1970: now))
    }

    @Test func `a token lives as long as its claims say, whatever our clock says`() throws {
        #expect(try lifetime(jwt(#"{"exp":2800,"iat":1000}"#), now: 99_999) == .seconds(1800))
        #expect(try lifetime(jwt(#"{"exp":2800,"x":"\#("?>~")"}"#)) == .seconds(1800))
        #expect(try lifetime(jwt(#"{"exp":2800}"#), #","access_lifetime":77"#) == .seconds(1800))
    }

    @Test func `else as long as the answer says, else 28 minutes`() throws {
        #expect(try lifetime("opaque", #","access_lifetime":7200"#) == .seconds(7200))
        #expect(try lifetime("opaque", #","access_lifetime":"x","refresh":5"#) == .seconds(1680))
        #expect(try lifetime(jwt(#"{"exp":"soon"}"#)) == .seconds(1680))
        #expect(try lifetime(jwt(#"{"exp":5}"#)) == .seconds(1680), "already over by our clock, so the clock is wrong")
        #expect(try lifetime(jwt(#"{"exp":1e300}"#)) == .seconds(7 * 86400))
        #expect(throws: DecodingError.self) { try lifetime("") }
    }

    @Test func `a token is renewed 90 seconds early, a short one at half its life`() {
        let now = ContinuousClock.now
        func renewal(_ lifetime: Duration) -> Duration {
            AccessToken(access: Secret("a"), refresh: nil, lifetime: lifetime, at: now).renewAt - now
        }
        #expect(renewal(.seconds(1800)) == .seconds(1710))
        #expect(renewal(.seconds(10)) == .seconds(5))
    }

    private func token(_ number: Int, lifetime: Duration = .seconds(1000), refresh: String? = nil) -> AccessToken {
        AccessToken(access: Secret("t\(number)"), refresh: refresh.map { Secret($0) }, lifetime: lifetime, at: .now)
    }

    @Test func `scopes have tokens of their own, and the least recently used is forgotten`() async throws {
        let fetched = Mutex<[Scope]>([])
        let store = TokenStore(limit: 2) { scope, _ throws(FactPulseError) in
            fetched.withLock { $0.append(scope) }
            return token(0)
        }
        let other = Scope.client(try #require(ClientUID("11111111-1111-4111-8111-111111111111")))
        _ = try await store.token(.account)
        _ = try await store.token(.client(uid))
        _ = try await store.token(.account)
        _ = try await store.token(other)
        _ = try await store.token(.account)
        #expect(fetched.withLock { $0 } == [.account, .client(uid), other])
        _ = try await store.token(.client(uid))
        #expect(fetched.withLock { $0.count } == 4)
    }

    @Test func `an old token is replaced with its refresh token`() async throws {
        let count = Counter()
        let seen = Mutex<[String?]>([])
        let store = TokenStore(limit: 2) { _, refresh throws(FactPulseError) in
            seen.withLock { $0.append(refresh?.reveal) }
            return token(count.next(), lifetime: .zero, refresh: "r\(count.current)")
        }
        for _ in 0..<3 { _ = try await store.token(.account) }
        #expect(seen.withLock { $0 } == [nil, "r1", "r2"])
    }

    @Test func `a refused token is forgotten, but not the one that replaced it`() async throws {
        let count = Counter()
        let store = TokenStore(limit: 2) { _, _ throws(FactPulseError) in token(count.next()) }
        let first = try await store.token(.account)
        await store.evict(.account, first)
        let second = try await store.token(.account)
        await store.evict(.account, first)
        #expect(try await store.token(.account).access == second.access)
        #expect(count.current == 2)
    }

    @Test func `those who wait share one failure, and the next call tries again`() async throws {
        let count = Counter()
        let (hold, release) = AsyncStream.makeStream(of: Void.self)
        let store = TokenStore(limit: 2) { _, _ throws(FactPulseError) in
            if count.next() == 1 {
                for await _ in hold {}
                throw FactPulseError(.token, .credentialsRefused)
            }
            return token(9)
        }
        let failures = await withTaskGroup(of: Outcome?.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    await failure { () async throws(FactPulseError) in try await store.token(.account) }?.outcome
                }
            }
            while await store.waiting(.account) < 9 { await Task.yield() }
            release.finish()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(failures == Array(repeating: .credentialsRefused, count: 10))
        #expect(count.current == 1)
        #expect(try await store.token(.account).access == Secret("t9"))
    }

    @Test func `when the call that fetches is cancelled, one of those who wait takes over`() async throws {
        let count = Counter()
        let store = TokenStore(limit: 2) { _, _ throws(FactPulseError) in
            guard count.next() == 1 else { return token(2) }
            try? await Task.sleep(for: .seconds(3600))
            throw FactPulseError(.token, .notSent(.cancelled))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let leader = Task { try await store.token(.account) }
            while count.current == 0 { await Task.yield() }
            for _ in 0..<5 {
                group.addTask {
                    let token = try await store.token(.account)
                    #expect(token.access == Secret("t2"))
                }
            }
            while await store.waiting(.account) < 5 { await Task.yield() }
            leader.cancel()
            await #expect(throws: FactPulseError.self) { try await leader.value }
            try await group.waitForAll()
        }
        #expect(count.current == 2)
    }

    @Test func `a cancelled call does not wait for another's login`() async throws {
        let (hold, release) = AsyncStream.makeStream(of: Void.self)
        let store = TokenStore(limit: 2) { _, _ throws(FactPulseError) in
            for await _ in hold {}
            return token(1)
        }
        async let leader = store.token(.account)
        let waiter = Task { try await store.token(.account) }
        while await store.waiting(.account) < 1 { await Task.yield() }
        waiter.cancel()
        await #expect { try await waiter.value } throws: { ($0 as? FactPulseError)?.outcome == .notSent(.cancelled) }
        release.finish()
        _ = try await leader
    }
}
