import Logging
import Postgres
import Synchronization

/// No request may be sent for longer than it is worth waiting here.
package struct RateLimited: Error, CustomStringConvertible {
    /// How long until it makes sense to ask again.
    package let retryAfter: Duration

    package var description: String { "the rate limit lets nothing through; ask again in \(retryAfter)" }
}

/// The fleet's limit on API requests, shared through one row of `queue.rate_limits`.
///
/// Each worker reserves slots of a common schedule (GCRA), at most a second ahead, for as many requests as wait in it.
/// A throttled request closes the schedule for the whole fleet and lowers the learned rate to 0.7 of itself; it creeps
/// back by a hundredth of the cap a second.
package actor RateLimiter {
    private static let horizon = Duration.seconds(1)
    /// A closed limit is waited for here for so long; beyond, the caller is sent away.
    private static let patience = Duration.seconds(2)
    /// Requests are paced a little under the rate: they arrive with jitter, and the server counts arrivals.
    private static let margin = 0.98

    private let database: Database
    private let name: String
    private let cap: Double
    private let longestWait: Duration
    private let logger: Logger

    /// When the reserved slots are, earliest first.
    private var slots: [ContinuousClock.Instant] = []
    private var closedUntil = ContinuousClock.now
    private var waiting = 0
    private var isReserving = false
    private var followers: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - name: Which limit: one a server account.
    ///   - cap: Requests a second, more than 0. The fleet uses the latest configured one.
    ///   - longestWait: After which a caller is sent away though the limit is open: more wait than it lets through, and a
    ///     job has only so much time.
    package init(
        _ database: Database,
        name: String,
        cap: Double,
        longestWait: Duration = .seconds(60),
        logger: Logger
    ) {
        precondition(cap > 0)
        self.database = database
        self.name = name
        self.cap = cap
        self.longestWait = longestWait
        self.logger = logger
    }

    /// How long the limit is closed for the whole fleet, as far as this worker has heard; zero when it is open.
    package var closedFor: Duration { max(.zero, closedUntil - .now) }

    /// Enters the limit in the database, or changes its cap.
    package func declare() async throws {
        try await database.execute(
            """
            INSERT INTO queue.rate_limits AS r (name, cap, rate) VALUES (\(name), \(cap), \(cap))
            ON CONFLICT (name) DO UPDATE SET cap = excluded.cap, rate = excluded.cap, rate_at = clock_timestamp()
             WHERE r.cap <> excluded.cap
            """
        )
    }

    /// Returns when one request may be sent.
    /// - Throws: ``RateLimited`` when the limit is closed for longer than a moment, or too many wait; `PostgresError`.
    package func acquire() async throws {
        waiting += 1
        defer { waiting -= 1 }
        let latest = ContinuousClock.now.advanced(by: longestWait)
        while true {
            try Task.checkCancellation()
            let closed = closedFor
            if closed > Self.patience { throw RateLimited(retryAfter: closed) }
            if ContinuousClock.now >= latest {
                throw RateLimited(retryAfter: .seconds(Double.random(in: 1...5)))
            }
            if closed > .zero {
                try await Task.sleep(for: closed)
            } else if slots.isEmpty {
                try await reserve()
            } else {
                let slot = slots.removeFirst()
                waiting -= 1
                defer { waiting += 1 }
                try await Task.sleep(until: slot, clock: .continuous)
                // Closed while it slept: the slot belongs to a schedule that is no more.
                if closedUntil <= .now { return }
            }
        }
    }

    /// A request was throttled. Closes the limit for the fleet.
    /// - Parameter retryAfter: What the server asked for; `nil`: a back-off that grows with each throttling in a row.
    package func throttled(retryAfter: Duration?) async throws {
        // Many requests in flight are throttled together: the rate falls once for all of them.
        let rows = try await database.query(
            """
            UPDATE queue.rate_limits r
               SET blocked_until = greatest(r.blocked_until, now_is + coalesce(\(retryAfter)::interval,
                       make_interval(secs => random() * least(60, 0.5 * 2 ^ least(n, 10))))),
                   rate = CASE WHEN r.blocked_until < now_is
                               THEN greatest(least(r.cap, r.rate + r.cap * 0.01 * age) * 0.7, r.cap * 0.1) ELSE r.rate END,
                   rate_at = now_is,
                   next_at = greatest(r.blocked_until, now_is),
                   strikes = CASE WHEN r.blocked_until < now_is THEN n ELSE r.strikes END,
                   throttled = r.throttled + 1
              FROM (SELECT l.name AS limit_name, clock_timestamp() AS now_is,
                           extract(epoch FROM clock_timestamp() - l.rate_at)::float8 AS age,
                           CASE WHEN l.blocked_until < clock_timestamp() - interval '5 seconds' THEN 1 ELSE l.strikes + 1 END AS n
                      FROM queue.rate_limits l WHERE l.name = \(name) FOR UPDATE) l
             WHERE r.name = l.limit_name
            RETURNING extract(epoch FROM r.blocked_until - now_is)::float8, r.rate,
                      pg_notify('queue_rate', r.name || ' ' || extract(epoch FROM r.blocked_until - now_is))
            """
        )
        guard let row = rows.first else { return }
        let (seconds, rate) = try row.decode((Double.self, Double.self))
        close(for: .seconds(seconds))
        logger.warning(
            "The API throttles; the whole fleet waits",
            metadata: ["seconds": "\(seconds)", "rate": "\(rate)"]
        )
    }

    /// Hears what ``throttled(retryAfter:)`` of another worker told the fleet.
    /// - Parameter payload: The limit's name and the seconds it is closed.
    package func heard(_ payload: String) {
        let parts = payload.split(separator: " ")
        // Any role may notify: what is no length of time, or longer than a limit is ever closed, was not sent by us.
        guard parts.count == 2, parts[0] == name, let seconds = Double(parts[1]), (0...3_600).contains(seconds) else {
            return
        }
        // Opened: whether that is true, the next reservation finds out.
        if seconds == 0 { closedUntil = .now } else { close(for: .seconds(seconds)) }
    }

    /// Opens every limit for the whole fleet, whatever the server asked for.
    /// - Returns: how many were closed.
    package static func reopen(_ database: Database) async throws -> Int {
        try await database.query(
            """
            UPDATE queue.rate_limits SET blocked_until = '-infinity', next_at = clock_timestamp(), strikes = 0
             WHERE blocked_until > clock_timestamp() RETURNING pg_notify('queue_rate', name || ' 0')
            """
        ).count
    }

    private func close(for time: Duration) {
        closedUntil = max(closedUntil, .now.advanced(by: time))
        slots = []
    }

    /// One reservation at a time, for all who wait: those who come meanwhile wait for its end and look again.
    private func reserve() async throws {
        if isReserving {
            await withCheckedContinuation { followers.append($0) }
            return
        }
        isReserving = true
        defer {
            isReserving = false
            followers.forEach { $0.resume() }
            followers = []
        }
        let rows = try await database.query(
            """
            UPDATE queue.rate_limits r
               SET rate = now_rate,
                   rate_at = CASE WHEN now_rate = r.rate THEN r.rate_at ELSE now_is END,
                   next_at = greatest(r.next_at, now_is) + make_interval(secs => n / pace)
              FROM (SELECT l.name AS limit_name, at AS now_is, grown AS now_rate, grown * \(Self.margin) AS pace,
                           greatest(1, least(\(waiting)::float8, floor(grown))) AS n
                      FROM (SELECT l.name, clock_timestamp() AS at, l.cap, l.rate,
                                   least(l.cap, l.rate + l.cap * 0.01 * extract(epoch FROM clock_timestamp() - l.rate_at)) AS grown
                              FROM queue.rate_limits l WHERE l.name = \(name) FOR UPDATE) l) l
             WHERE r.name = l.limit_name AND r.blocked_until <= now_is AND r.next_at <= now_is + \(Self.horizon)::interval
            RETURNING n, pace, extract(epoch FROM r.next_at - now_is)::float8 - n / pace
            """
        )
        guard let row = rows.first else { return try await waitForRoom() }
        let (count, pace, first) = try row.decode((Double.self, Double.self, Double.self))
        let start = ContinuousClock.now.advanced(by: .seconds(max(0, first)))
        slots = (0..<Int(count)).map { start.advanced(by: .seconds(Double($0) / pace)) }
    }

    /// The limit is closed, or its next second is given away: waits until there may be room.
    private func waitForRoom() async throws {
        let rows = try await database.query(
            """
            SELECT extract(epoch FROM blocked_until - clock_timestamp())::float8,
                   extract(epoch FROM next_at - clock_timestamp())::float8
              FROM queue.rate_limits WHERE name = \(name) AND blocked_until > '-infinity'
             UNION ALL
            SELECT 0, extract(epoch FROM next_at - clock_timestamp())::float8
              FROM queue.rate_limits WHERE name = \(name) AND blocked_until = '-infinity'
            """
        )
        guard let row = rows.first else {
            try await declare()
            return
        }
        let (blocked, next) = try row.decode((Double.self, Double.self))
        if blocked > 0 {
            close(for: .seconds(blocked))
        } else {
            let room = max(0.01, next - Self.horizon / .seconds(1) / 2)
            try await Task.sleep(for: .seconds(room * Double.random(in: 0.8...1.2)))
        }
    }
}
