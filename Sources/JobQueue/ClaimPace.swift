/// Where each claim of a worker begins, and how long it pauses when it finds nothing.
///
/// A claim goes on behind the last one: what was claimed before it need not be walked over again, and under a snapshot
/// that somebody holds open cannot be cleaned away. From time to time one begins at the head, where jobs of a smaller
/// priority number are, those that came back, and those of transactions that were committed late.
struct ClaimPace {
    /// How long after the last find the worker looks again at once: `queue.wake` announces only the first of a burst.
    private static let hotFor = Duration.milliseconds(100)
    private static let hotInterval = Duration.milliseconds(10)
    private static let windowIsOver = Duration.milliseconds(60)
    /// Between two claims from the head while there is work.
    private static let headInterval = Duration.milliseconds(500)
    /// A claim from the head that takes longer walks over what cannot be cleaned away, and is made less often: so that
    /// it takes at most a tenth of the time.
    private static let cheap = Duration.milliseconds(20)

    private let pollInterval: Duration
    private let idlePollInterval: Duration
    private var cursors: [String: JobStore.ClaimCursor] = [:]
    private var headDue = ContinuousClock.now
    private var headIsCheap = true
    private var headRested = ContinuousClock.now
    private var foundAt = ContinuousClock.now
    private var wasWoken = false

    /// - Parameter idlePollInterval: In place of `pollInterval`, once it was quiet for as long.
    init(pollInterval: Duration, idlePollInterval: Duration) {
        self.pollInterval = pollInterval
        self.idlePollInterval = max(pollInterval, idlePollInterval)
    }

    var isHeadDue: Bool { ContinuousClock.now >= headDue }

    /// - Parameter fromHead: Whether this claim begins at the head.
    func cursor(of queue: String, fromHead: Bool) -> JobStore.ClaimCursor {
        fromHead ? JobStore.ClaimCursor() : cursors[queue] ?? JobStore.ClaimCursor()
    }

    /// - Parameter isFull: Whether as many were found as were asked for, so that more may stand right behind them.
    mutating func found(_ cursor: JobStore.ClaimCursor, in queue: String, isFull: Bool) {
        foundAt = .now
        guard !isFull, let old = cursors[queue], old > cursor else { return cursors[queue] = cursor }
    }

    /// - Parameter time: How long the claim took.
    mutating func claimedFromHead(in time: Duration) {
        headIsCheap = time < Self.cheap
        headRested = .now + time
        headDue = .now + (headIsCheap ? Self.headInterval : max(Self.headInterval, time * 10))
    }

    /// To be called when there was less than asked for behind the cursors.
    /// - Returns: whether to look at the head now, before any pause.
    mutating func wantsHead() -> Bool {
        if headIsCheap { headDue = .now }
        return isHeadDue
    }

    /// To be called when a job has come back to the head. However dear that is, it is looked at half of the time.
    mutating func cameBack() {
        headDue = min(headDue, headRested)
    }

    /// To be called after each wake-up.
    mutating func woken() {
        wasWoken = true
    }

    /// How long to wait for a wake-up before the next claim.
    mutating func pause() -> Duration {
        let quiet = ContinuousClock.now - foundAt
        if quiet < Self.hotFor { return Self.hotInterval }
        // Another worker took what woke us; what came with it was not announced.
        if wasWoken {
            wasWoken = false
            return Self.windowIsOver
        }
        let interval = quiet < idlePollInterval ? pollInterval : idlePollInterval
        return interval * Double.random(in: 0.9...1.1)
    }
}
