import Testing

@testable import FactPulse

struct ClassifyTests {
    static let failures: [Observation.Failure] = [
        .unreachable, .connectTimeout, .connectionLost, .timeout, .cancelled, .guardRefused, .invalidRequest,
    ]
    static let bodies: [Observation.Body] = [.complete, .unreadable, .tooLarge, .lost, .timeout, .cancelled]

    @Test(arguments: FactPulse.Operation.allCases, failures) func `what never left is not sent, for every operation`(
        operation: FactPulse.Operation,
        failure: Observation.Failure
    ) {
        guard case .notSent = classify(operation, .noAnswer(failure, requestMayHaveLeft: false)) else {
            Issue.record("\(failure) before the request left must be notSent")
            return
        }
    }

    @Test(arguments: [
        (Observation.Failure.unreachable, Outcome.notSent(.unreachable)),
        (.connectTimeout, .notSent(.connectTimeout)),
        (.guardRefused, .notSent(.guardRefused)),
        (.invalidRequest, .notSent(.invalidRequest)),
        (.connectionLost, .uncertain(.connectionLost)),
        (.timeout, .uncertain(.timeout)),
        (.cancelled, .uncertain(.cancelled)),
    ]) func `what failed after the request may have left is uncertain, unless it can only fail before`(
        failure: Observation.Failure,
        outcome: Outcome
    ) {
        for operation in FactPulse.Operation.allCases {
            #expect(classify(operation, .noAnswer(failure, requestMayHaveLeft: true)) == outcome)
        }
    }

    @Test(arguments: FactPulse.Operation.allCases) func `every status of every operation has one class`(
        operation: FactPulse.Operation
    ) {
        for status in 100...599 {
            for body in Self.bodies {
                let outcome = classify(operation, .answer(status: status, retryAfter: .seconds(3), body: body))
                #expect(outcome == expected(operation, status, body), "\(operation) \(status) \(body)")
            }
        }
    }

    /// The table of the contract, written a second time and in another way.
    private func expected(
        _ operation: FactPulse.Operation,
        _ status: Int,
        _ body: Observation.Body
    ) -> Outcome? {
        let isToken = operation == .token || operation == .refreshToken
        if status / 100 == 2 {
            return switch body {
            case .complete: nil
            case .unreadable: .uncertain(.unreadable)
            case .tooLarge: .uncertain(.tooLarge)
            case .lost: .uncertain(.connectionLost)
            case .timeout: .uncertain(.timeout)
            case .cancelled: .uncertain(.cancelled)
            }
        }
        if status / 100 == 3 {
            let isHarmless = isToken || operation.isRead || [307, 308].contains(status)
            return isHarmless ? .refused(status: status) : .uncertain(.redirected(status: status))
        }
        if isToken, status == 400 || status == 401 { return .credentialsRefused }
        if status == 401 { return .unauthorized }
        if status == 429 { return .throttled(retryAfter: .seconds(3)) }
        if status == 408 || status / 100 != 4 { return .uncertain(.serverError(status: status)) }
        return .refused(status: status)
    }

    @Test func `only what cannot do harm twice is worth retrying after an uncertain answer`() {
        let dangerous = FactPulse.Operation.allCases.filter {
            !FactPulseError($0, .uncertain(.timeout)).isWorthRetrying
        }
        #expect(Set(dangerous) == [.createClient, .rotateEncryptionKey, .generateWebhookSecret])
    }
}
