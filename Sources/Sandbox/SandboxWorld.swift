import Crypto
import Foundation

/// The account the sandbox plays: its clients, secrets and tokens, the faults in force and the ledger.
package actor SandboxWorld {
    let email: String
    let password: String
    let mint = TokenMint()
    let serverKey = SymmetricKey(size: .bits256)

    var options: SandboxOptions
    var records: [UUID: ClientRecord] = [:]
    /// In the order of creation, so that a page is a slice.
    var order: [UUID] = []
    /// The JSON of clients, where it is written and right.
    var written: [UUID: Data] = [:]
    var countBySIRET: [String: Int] = [:]
    var countByName: [String: Int] = [:]
    var ledger = Ledger()
    var lastTime = Timestamp(microseconds: 0)
    var lastConfigID = 0
    /// Access tokens of an earlier generation are dead.
    var tokenGeneration = 0
    var shuffler: SplitMix64
    /// How many changes the `change` and `churn` faults have made.
    var changesMade = 0

    private var settings: FaultSettings
    private var engine: FaultEngine
    private var observers: [Int: AsyncStream<Void>.Continuation] = [:]
    private var lastObserver = 0
    private var remembered: Set<String> = []

    init(_ configuration: SandboxConfiguration) {
        email = configuration.email
        password = configuration.password
        options = configuration.options
        settings = FaultSettings(
            options: configuration.options,
            faults: configuration.faults,
            seed: configuration.seed
        )
        engine = FaultEngine(configuration.faults, seed: configuration.seed)
        shuffler = SplitMix64(state: configuration.seed)
    }

    // MARK: What a request passes through

    /// Counts the request and decides its faults.
    func admit(_ call: Call) -> FaultPlan {
        let now = ContinuousClock.now
        let request = ledger.arrived(call.operation, call.uid, at: now)
        var plan = engine.plan(for: call.operation, at: now)
        plan.request = request
        plan.changes.forEach(make)
        if plan.expiresTokens { expireTokens() }
        notify()
        return plan
    }

    /// Does what the call asks, all of it or, when the answer is not a success, nothing.
    func perform(_ call: Call) throws -> Answer {
        defer { notify() }
        let answer: Answer
        do {
            answer = try self.answer(call)
        } catch let refusal as Refusal {
            answer = refusal.answer
        }
        guard options.omitsNulls || options.addsMembers else { return answer }
        return try answer.reshaped(omitsNulls: options.omitsNulls, addsMembers: options.addsMembers)
    }

    func answered(_ request: Int, _ status: String) {
        ledger.answered(request, status)
        notify()
    }

    /// Keeps secrets, when told to, for a test that looks for them elsewhere.
    func remember(_ secrets: String?...) {
        guard options.remembersSecrets else { return }
        remembered.formUnion(secrets.compactMap { $0 }.filter { !$0.isEmpty })
    }

    func tick() -> Timestamp {
        lastTime = .now(after: lastTime)
        return lastTime
    }

    // MARK: What tests turn and read

    package var currentSettings: FaultSettings { settings }

    /// Replaces the faults in force; every rule counts its requests from 1 again.
    package func setFaults(_ faults: [FaultRule], seed: UInt64 = 1) throws {
        try faults.forEach { try $0.validate() }
        settings.faults = faults
        settings.seed = seed
        engine = FaultEngine(faults, seed: seed)
    }

    package func setOptions(_ options: SandboxOptions) {
        settings.options = options
        self.options = options
        written = [:]
    }

    /// What `PUT /__sandbox/faults` does. - Throws: ``SandboxError``; nothing has then changed.
    func apply(json: Data) throws {
        var changed = settings
        try changed.apply(json: json)
        setOptions(changed.options)
        try setFaults(changed.faults, seed: changed.seed)
    }

    package func expireTokens() { tokenGeneration += 1 }

    /// Every secret sent or made while ``SandboxOptions/remembersSecrets`` was on.
    package var secrets: Set<String> { remembered }

    /// - Parameters:
    ///   - since: Requests after this `seq` only.
    ///   - limit: At most this many.
    package func requests(since: Int = 0, limit: Int = .max) -> [SandboxRequest] {
        ledger.requests(since: since, limit: limit)
    }

    /// - Parameters:
    ///   - since: Effects after this `seq` only.
    ///   - limit: At most this many effects.
    package func report(since: Int = 0, limit: Int = .max) -> LedgerReport {
        LedgerReport(
            requests: ledger.requests,
            byOperation: ledger.byOperation,
            clients: records.count,
            clientsBySiret: countBySIRET,
            duplicates: countBySIRET.filter { $0.value > 1 }.keys.sorted(),
            effects: Array(ledger.effects.dropFirst(max(0, since)).prefix(max(0, limit))),
            peakRequestsPerSecond: ledger.peakPerSecond,
            overLimit: engine.overLimit,
            changes: changesMade
        )
    }

    /// Forgets clients, ledger and faults. Tokens issued so far die; options stay.
    package func reset() {
        records = [:]
        written = [:]
        order = []
        countBySIRET = [:]
        countByName = [:]
        ledger = Ledger()
        changesMade = 0
        remembered = []
        settings.faults = []
        engine = FaultEngine([], seed: settings.seed)
        expireTokens()
        notify()
    }

    /// Returns once this many requests of a kind have arrived, faults and refusals included.
    /// - Throws: `CancellationError`.
    package func waitForRequests(_ count: Int, of operation: SandboxOperation) async throws {
        try await wait { $0.arrivals(operation) >= count }
    }

    /// Returns once an operation has taken effect this often.
    /// - Throws: `CancellationError`.
    package func waitForEffects(_ count: Int, of operation: SandboxOperation) async throws {
        try await wait { $0.effects(of: operation) >= count }
    }

    private func wait(until holds: (Ledger) -> Bool) async throws {
        let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        lastObserver += 1
        let observer = lastObserver
        observers[observer] = continuation
        defer { observers[observer] = nil }
        var iterator = changes.makeAsyncIterator()
        while !holds(ledger) {
            guard await iterator.next(isolation: self) != nil else { throw CancellationError() }
        }
    }

    private func notify() {
        for observer in observers.values { observer.yield() }
    }
}
