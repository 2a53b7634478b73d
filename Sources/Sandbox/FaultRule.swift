/// One thing that goes wrong, for which requests, and how often.
///
/// Rules are tried in order. `latency`, `expireTokens`, `change` and `churn` add to what follows; every other kind ends
/// the request, and later rules then do not see it. Members a kind does not name below mean nothing to it.
/// `factpulse-sandbox --help` has an example of each; a test sees to it.
package struct FaultRule: Codable, Sendable, Hashable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// 429 once a token bucket of `burst` requests, refilled `perSecond`, is empty. Uses `retryAfter`.
        case rateLimit
        /// 429. Uses `retryAfter` and `retryAfterSeconds`.
        case throttle
        /// `status` (503 if unset) without the effect. Uses `shape`, `retryAfter`.
        case status
        /// The effect, then `status` (502 if unset). Uses `shape`, `retryAfter`.
        case statusAfter
        /// The connection closes without a byte of an answer; no effect.
        case cutBefore
        /// The effect, then the connection closes without a byte of an answer.
        case cutAfter
        /// The effect, then the success status and half of the body that it announces, then the connection closes.
        case cutInside
        /// The effect comes `delay` seconds after the request; after `hold` seconds the caller gets `status`, or if
        /// unset a closed connection. Neither waits for the other.
        case lateCommit
        /// Waits `milliseconds`, or a time drawn between that and `maximumMilliseconds`, before all else.
        case latency
        /// The effect, then the success status with the first half of the JSON.
        case truncate
        /// The effect, then the success status with an HTML page.
        case notJSON
        /// The effect, then its answer under the content type `contentType`.
        case wrongType
        /// A list whose page is empty although `total` says more.
        case emptyPage
        /// A rotation that leaves the last of the client's secrets under the old key, and answers with `partialErrors`.
        case splitRotation
        /// First the clients change behind the API's back: `creates`, `renames`, `toggles` and `removes` say how many
        /// are made, renamed, (de)activated and removed. `pick` says which.
        case change
        /// First as many clients change as are due at `perSecond` since the rule's first request. The four counts of
        /// `change` are weights here; all 0: equal ones.
        case churn
        /// Every access token issued so far stops working, the one of this request included.
        case expireTokens
        /// `status` (400 if unset) with a body of `shape`, without the effect.
        case errorShape
        /// The effect, then the answer in small pieces over `milliseconds`.
        case slowBody
    }

    package enum RetryAfter: String, Codable, Sendable { case none, seconds, date }
    package enum Pick: String, Codable, Sendable { case random, first, last }

    package var kind: Kind
    /// A ``SandboxOperation``; `*` for all, `api` for all but the token routes.
    package var operation: String
    /// Between 0 and 1: how likely a matching request inside the window is hit.
    package var probability = 1.0
    /// The window: the first and the last matching request, counted from 1, that can be hit.
    package var from = 1
    package var to = 1_000_000_000
    /// 0: unset.
    package var status = 0
    package var shape = ErrorShape.A
    /// Whether the words of a refusal quote all that was sent, secrets included, as careless servers do.
    package var echoes = false
    package var retryAfter = RetryAfter.none
    package var retryAfterSeconds = 1
    package var perSecond = 10.0
    package var burst = 10
    /// Seconds.
    package var delay = 0.0
    /// Seconds.
    package var hold = 0.0
    package var milliseconds = 0
    package var maximumMilliseconds = 0
    package var contentType = "text/plain"
    package var creates = 0
    package var renames = 0
    package var toggles = 0
    package var removes = 0
    package var pick = Pick.random

    package init(
        _ kind: Kind,
        on operation: String = "*",
        status: Int = 0,
        _ adjust: (inout FaultRule) -> Void = { _ in }
    ) {
        self.kind = kind
        self.operation = operation
        self.status = status
        adjust(&self)
    }

    func matches(_ operation: SandboxOperation) -> Bool {
        switch self.operation {
        case "*": true
        case "api": operation.scope != .none
        default: self.operation == operation.rawValue
        }
    }

    /// - Throws: ``SandboxError/badConfiguration(_:)`` when the rule could never do what it says.
    func validate() throws {
        let known = ["*", "api"] + SandboxOperation.allCases.map(\.rawValue)
        try require(known.contains(operation), "operation \"\(operation)\" is none of \(known.joined(separator: ", "))")
        try require((0...1).contains(probability), "probability must be between 0 and 1")
        try require(from >= 1 && to >= from, "from and to must satisfy 1 <= from <= to")
        try require(status == 0 || (200...599).contains(status), "status must be 200 to 599")
        try require(perSecond > 0 && burst >= 1, "perSecond must be above 0 and burst at least 1")
        try require([creates, renames, toggles, removes].allSatisfy { $0 >= 0 }, "counts must not be negative")
        let only: [Kind: SandboxOperation] = [.emptyPage: .listClients, .splitRotation: .rotateEncryptionKey]
        if let wanted = only[kind] {
            try require(operation == wanted.rawValue, "it is for the operation \"\(wanted.rawValue)\" only")
        }
        try require(delay >= 0 && hold >= 0 && milliseconds >= 0, "delay, hold and milliseconds must not be negative")
    }

    private func require(_ holds: Bool, _ reason: String) throws {
        if !holds { throw SandboxError.badConfiguration("fault \(kind.rawValue): \(reason)") }
    }
}
