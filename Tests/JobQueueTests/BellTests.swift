import Testing

@testable import JobQueue

struct BellTests {
    @Test func `a bell tells a ring from the end of the time, and forgets the time of an earlier wait`() async {
        let bell = Bell()
        bell.ring()
        #expect(await bell.wait(atMost: .seconds(600)))
        #expect(await !bell.wait(atMost: .milliseconds(1)))
        async let rung = bell.wait(atMost: .milliseconds(200))
        bell.ring()
        #expect(await rung)
        let start = ContinuousClock.now
        #expect(await !bell.wait(atMost: .milliseconds(400)))
        #expect(ContinuousClock.now - start >= .milliseconds(400))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a cancelled task waits no longer`() async {
        let bell = Bell()
        let waiter = Task { await bell.wait() }
        waiter.cancel()
        await waiter.value
    }
}
