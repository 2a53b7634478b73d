/// How long a call that we gave up may still be carried out by the server.
package struct SettleTimes: Sendable {
    /// The whole exchange, after which we give up. The API client's own setting.
    package var requestTimeout: Duration
    /// How long after that the server may still commit. Default: 120 seconds.
    package var grace: Duration

    package init(requestTimeout: Duration = .seconds(30), grace: Duration = .seconds(120)) {
        self.requestTimeout = requestTimeout
        self.grace = grace
    }

    /// From the moment a call is sent until the server cannot carry it out any more.
    package var settle: Duration { requestTimeout + grace }
    /// Between two sweeps that may both count as not having found a client.
    package var betweenAbsences: Duration { grace / 2 }
}
