/// Something that should have come did not.
struct TimedOut: Error, CustomStringConvertible {
    let what: String
    let limit: Duration
    let details: String
    var description: String { "not within \(limit): \(what). \(details)" }
}

/// Looks again and again until there is an answer: for what happens in other processes, which cannot call us.
/// - Parameters:
///   - details: What the failure should show beside its name.
///   - look: `nil` means not yet.
/// - Throws: ``TimedOut``, and what `look` throws.
@discardableResult
func eventually<Answer>(
    _ what: String,
    within limit: Duration = .seconds(60),
    else details: () async throws -> String = { "" },
    _ look: () async throws -> Answer?
) async throws -> Answer {
    let deadline = ContinuousClock.now + limit
    while true {
        // Asked before looking: a look that began in time counts.
        let isLast = ContinuousClock.now >= deadline
        if let answer = try await look() { return answer }
        if isLast { throw TimedOut(what: what, limit: limit, details: try await details()) }
        try await Task.sleep(for: .milliseconds(20))
    }
}
