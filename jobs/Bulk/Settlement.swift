/// How long a call that we gave up may still be carried out by the server.
package struct SettleTimes: Sendable {
    /// Between the intent and the moment the call leaves; later it is not sent any more. Default: 10 seconds, or the
    /// request timeout where that is shorter.
    package var departure: Duration
    /// The whole exchange, after which we give up. The API client's own setting.
    package var requestTimeout: Duration
    /// How long after that the server may still commit. Default: 120 seconds.
    package var grace: Duration

    package init(requestTimeout: Duration = .seconds(30), grace: Duration = .seconds(120)) {
        departure = min(.seconds(10), requestTimeout)
        self.requestTimeout = requestTimeout
        self.grace = grace
    }

    /// From the intent until the server cannot carry out the call any more.
    package var settle: Duration { departure + requestTimeout + grace }
    /// Between two sweeps that may both count as not having found a client.
    package var betweenAbsences: Duration { grace / 2 }
}
