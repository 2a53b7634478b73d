import Testing

@testable import FactPulse

struct BreakerTests {
    let begin = ContinuousClock.now

    /// A breaker after `calls` results, of which `failures` are bad, evenly spread and the last of each stretch.
    private func breaker(calls: Int, failures: Int) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for number in 0..<calls {
            let isFailure = (number + 1) * failures / calls > number * failures / calls
            breaker.report(isFailure ? .failing : .healthy, .ordinary, at: begin + .milliseconds(10) * number)
        }
        return breaker
    }

    /// `nil` when it is open.
    private func permit(_ breaker: inout CircuitBreaker, at now: ContinuousClock.Instant) -> CircuitBreaker.Permit? {
        try? breaker.permit(at: now).get()
    }

    private func expect(_ permit: CircuitBreaker.Permit?, _ expected: CircuitBreaker.Permit?, _ why: Comment? = nil) {
        #expect(permit == expected, why)
    }

    @Test(
        arguments: [(19, 19, false), (20, 10, true), (20, 9, false), (100, 49, false), (40, 40, true)]
    ) func `it opens when half of at least twenty calls failed`(
        calls: Int,
        failures: Int,
        isOpen: Bool
    ) {
        let breaker = breaker(calls: calls, failures: failures)
        #expect((breaker.closedFor(at: begin + .seconds(2)) != nil) == isOpen)
    }

    @Test func `old failures are forgotten`() {
        var breaker = breaker(calls: 19, failures: 19)
        for number in 0..<5 { breaker.report(.healthy, .ordinary, at: begin + .seconds(40 + number)) }
        for number in 0..<4 { breaker.report(.failing, .ordinary, at: begin + .seconds(45 + number)) }
        #expect(breaker.closedFor(at: begin + .seconds(50)) == nil)
    }

    @Test func `after the pause one request tries, and its result decides`() {
        let later = begin + .seconds(40)
        var breaker = breaker(calls: 20, failures: 20)
        expect(permit(&breaker, at: begin + .seconds(1)), nil)
        expect(permit(&breaker, at: later), .probe)
        expect(permit(&breaker, at: later), nil, "only one at a time")

        var failed = breaker
        failed.report(.failing, .probe, at: later)
        #expect(failed.closedFor(at: later + .seconds(29)) != nil)
        #expect(failed.closedFor(at: later + .seconds(30)) == nil)

        var cancelled = breaker
        cancelled.report(.nothing, .probe, at: later)
        expect(permit(&cancelled, at: later), .probe, "a probe that told nothing is repeated")

        breaker.report(.healthy, .probe, at: later)
        expect(permit(&breaker, at: later), .ordinary)
        breaker.report(.failing, .ordinary, at: later)
        #expect(breaker.closedFor(at: later) == nil, "the old failures are gone")
    }

    @Test func `late results of requests from before change nothing while it is open`() {
        var breaker = breaker(calls: 20, failures: 20)
        for _ in 0..<100 { breaker.report(.healthy, .ordinary, at: begin + .seconds(1)) }
        #expect(breaker.closedFor(at: begin + .seconds(2)) != nil)
    }

    @Test func `what says nothing about the host is not counted`() {
        var breaker = CircuitBreaker()
        for observation in [
            Observation.noAnswer(.cancelled, requestMayHaveLeft: true),
            .noAnswer(.guardRefused, requestMayHaveLeft: false),
            .answer(status: 404, retryAfter: nil, body: .complete),
            .answer(status: 429, retryAfter: nil, body: .complete),
        ] {
            for _ in 0..<50 { breaker.report(CircuitBreaker.Report(observation), .ordinary, at: begin) }
        }
        #expect(breaker.closedFor(at: begin) == nil)
    }

    @Test(arguments: [
        Observation.answer(status: 503, retryAfter: nil, body: .complete),
        .noAnswer(.unreachable, requestMayHaveLeft: false), .noAnswer(.timeout, requestMayHaveLeft: true),
        .noAnswer(.connectionLost, requestMayHaveLeft: true), .answer(status: 200, retryAfter: nil, body: .timeout),
    ]) func `server errors, timeouts and lost connections are counted`(observation: Observation) {
        var breaker = CircuitBreaker()
        for _ in 0..<20 { breaker.report(CircuitBreaker.Report(observation), .ordinary, at: begin) }
        #expect(breaker.closedFor(at: begin) != nil)
    }

    @Test func `three refused logins stop all logins for a minute, and one try later does not earn three more`() {
        var breaker = LoginBreaker()
        for number in 1...3 {
            #expect(breaker.isOpen(at: begin), "login \(number)")
            breaker.refused(at: begin)
        }
        #expect(!breaker.isOpen(at: begin + .seconds(59)))
        #expect(breaker.isOpen(at: begin + .seconds(60)))
        breaker.refused(at: begin + .seconds(60))
        #expect(!breaker.isOpen(at: begin + .seconds(61)))
        breaker.succeeded()
        #expect(breaker.isOpen(at: begin + .seconds(61)))
    }
}
