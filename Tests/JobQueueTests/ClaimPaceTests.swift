import Testing

@testable import JobQueue

struct ClaimPaceTests {
    private func job(_ id: Int64, priority: Int = 100) -> JobStore.ClaimCursor {
        JobStore.ClaimCursor(priority: priority, jobID: id)
    }

    @Test func `a claim goes on behind the last job, and only a full one goes back`() {
        var pace = ClaimPace(pollInterval: .seconds(1), idlePollInterval: .seconds(1))
        pace.found(job(7), in: "default", isFull: false)
        #expect(pace.cursor(of: "default", fromHead: false).jobID == 7)
        #expect(pace.cursor(of: "default", fromHead: true) == JobStore.ClaimCursor())
        #expect(pace.cursor(of: "other", fromHead: false) == JobStore.ClaimCursor())
        // One of a smaller priority number, alone: nothing else stands before the seventh.
        pace.found(job(9, priority: 1), in: "default", isFull: false)
        #expect(pace.cursor(of: "default", fromHead: false).jobID == 7)
        // As many as were asked for: there may be more right behind them.
        pace.found(job(9, priority: 1), in: "default", isFull: true)
        #expect(pace.cursor(of: "default", fromHead: false).jobID == 9)
    }

    @Test func `a claim from the head that is dear is made less often`() {
        var pace = ClaimPace(pollInterval: .seconds(1), idlePollInterval: .seconds(1))
        #expect(pace.isHeadDue)
        pace.claimedFromHead(in: .zero)
        #expect(!pace.isHeadDue)
        pace.cameBack()
        #expect(pace.isHeadDue, "who was waiting for a key does not wait for the interval too")
        pace.claimedFromHead(in: .milliseconds(1))
        let cheap = pace.wantsHead()
        #expect(cheap, "where nothing stands behind the cursor, a cheap look costs nothing")
        pace.claimedFromHead(in: .seconds(60))
        let dear = pace.wantsHead()
        #expect(!dear)
        pace.cameBack()
        #expect(!pace.isHeadDue)
    }

    @Test func `who was woken for nothing looks once more when the window of that wake-up is over`() async throws {
        var pace = ClaimPace(pollInterval: .seconds(1_000), idlePollInterval: .seconds(1_000))
        try await Task.sleep(for: .milliseconds(101))
        pace.woken()
        let pauses = [pace.pause(), pace.pause()]
        #expect(pauses[0] == .milliseconds(60))
        #expect(pauses[1] > .seconds(800))
    }
}
