import Logging
import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite(.database)
struct RateLimiterTests {
    private func limiters(_ count: Int, cap: Double) async throws -> [RateLimiter] {
        let limiters = (0..<count).map { _ in
            RateLimiter(TestDatabase.current.database, name: "api", cap: cap, logger: .quiet)
        }
        try await limiters[0].declare()
        return limiters
    }

    /// Takes permits with `each` tasks a limiter for `time`.
    /// - Returns: how many.
    private func take(for time: Duration, from limiters: [RateLimiter], each: Int) async throws -> Int {
        let end = ContinuousClock.now.advanced(by: time)
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for limiter in limiters {
                for _ in 0..<each {
                    group.addTask {
                        var taken = 0
                        while ContinuousClock.now < end {
                            try await limiter.acquire()
                            if ContinuousClock.now < end { taken += 1 }
                        }
                        return taken
                    }
                }
            }
            return try await group.reduce(0, +)
        }
    }

    @Test func `four workers together keep to the rate and use it up`() async throws {
        let limiters = try await limiters(4, cap: 50)
        let taken = try await take(for: .seconds(5), from: limiters, each: 5)
        #expect(taken <= 252)
        #expect(taken >= 232)
    }

    @Test func `one that is throttled stops all, at once`() async throws {
        let limiters = try await limiters(2, cap: 100)
        try await limiters[0].acquire()
        try await limiters[0].throttled(retryAfter: .seconds(30))
        // Both ways of learning of it: by notification, and by asking for slots.
        for nonsense in ["api nan", "api inf", "api 1e30", "api -1", "api"] { await limiters[1].heard(nonsense) }
        await limiters[1].heard("api 30.0")
        for limiter in limiters {
            let error = await #expect(throws: RateLimited.self) { try await limiter.acquire() }
            #expect((error?.retryAfter ?? .zero) > .seconds(25))
            #expect(await limiter.closedFor > .seconds(25))
        }
        let fresh = RateLimiter(TestDatabase.current.database, name: "api", cap: 100, logger: .quiet)
        await #expect(throws: RateLimited.self) { try await fresh.acquire() }
    }

    @Test func `a limit that is opened again lets everybody through, and only then`() async throws {
        let limiters = try await limiters(2, cap: 100)
        try await limiters[0].acquire()
        for _ in 0..<2 { try await limiters[0].throttled(retryAfter: .seconds(3_000)) }
        await limiters[1].heard("api 3000")
        // Whoever says so without having done it opens nothing.
        await limiters[1].heard("api 0")
        await #expect(throws: RateLimited.self) { try await limiters[1].acquire() }
        #expect(try await RateLimiter.reopen(TestDatabase.current.database) == 1)
        for limiter in limiters {
            await limiter.heard("api 0")
            try await limiter.acquire()
        }
        #expect(try await RateLimiter.reopen(TestDatabase.current.database) == 0)
    }

    @Test func `a caller for whom there is no room in time is sent away`() async throws {
        let limiter = RateLimiter(
            TestDatabase.current.database,
            name: "api",
            cap: 1,
            longestWait: .milliseconds(300),
            logger: .quiet
        )
        try await limiter.declare()
        let admitted = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    do {
                        try await limiter.acquire()
                        return true
                    } catch let error as RateLimited {
                        #expect(error.retryAfter >= .seconds(1))
                    } catch {
                        Issue.record(error)
                    }
                    return false
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(admitted >= 1)
        #expect(admitted <= 10, "the others would have waited for 40 seconds")
    }

    @Test func `requests throttled together lower the rate once`() async throws {
        let limiters = try await limiters(1, cap: 100)
        for _ in 0..<10 { try await limiters[0].throttled(retryAfter: .seconds(30)) }
        let rate = try await TestDatabase.current.database.query("SELECT rate FROM queue.rate_limits")[0].decode(
            at: 0,
            as: Double.self
        )
        #expect(abs(rate - 70) < 0.001)
    }

    @Test func `the learned rate creeps back to the cap and not beyond`() async throws {
        let limiters = try await limiters(1, cap: 100)
        let database = TestDatabase.current.database
        try await limiters[0].throttled(retryAfter: .zero)
        try await database.execute("UPDATE queue.rate_limits SET rate_at = clock_timestamp() - interval '10 s'")
        try await limiters[0].acquire()
        let rate = try await database.query("SELECT rate FROM queue.rate_limits")[0].decode(at: 0, as: Double.self)
        #expect(abs(rate - 80) < 1)
        try await database.execute("UPDATE queue.rate_limits SET rate_at = clock_timestamp() - interval '1 hour'")
        try await limiters[0].acquire()
        #expect(try await database.query("SELECT rate FROM queue.rate_limits")[0].decode(at: 0, as: Double.self) == 100)
    }

    @Test func `a back-off without a Retry-After grows with each throttling in a row`() async throws {
        let limiters = try await limiters(1, cap: 100)
        let database = TestDatabase.current.database
        for expected in 1...4 {
            try await limiters[0].throttled(retryAfter: nil)
            #expect(
                try await database.query("SELECT strikes FROM queue.rate_limits")[0].decode(at: 0, as: Int.self)
                    == expected
            )
            try await database.execute("UPDATE queue.rate_limits SET blocked_until = clock_timestamp()")
        }
    }
}
