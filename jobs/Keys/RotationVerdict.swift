import FactPulse
import KeyVault

/// What an answer to a rotation means for the keys.
///
/// The most dangerous reading of the product: a key that is wrongly believed dead may be forgotten. So "old key invalid" is
/// only what is in the table below, and everything that is not recognised is uncertain.
struct RotationVerdict: Sendable, Equatable {
    let answer: RotationAnswer
    /// Our own words, with the status and the server's code: fit for a table and a log.
    let reason: String
    /// How many secrets changed key, where the server said.
    var rotatedCount: Int?
    /// When to try again, where the server or the rate limit said.
    var retryAfter: Duration?

    init(_ result: Result<KeyRotationResponse, FactPulseError>) {
        switch result {
        case .success(let response): self.init(response)
        case .failure(let error):
            self.init(error)
            retryAfter = error.retryAfter
        }
    }

    private init(_ answer: RotationAnswer, _ reason: String, count: Int? = nil) {
        self.answer = answer
        self.reason = reason
        rotatedCount = count
    }

    private init(_ response: KeyRotationResponse) {
        let count = response.rotatedCount
        let errors = response.partialErrors ?? []
        if response.isComplete, count > 0 {
            self.init(.rotated, "\(count) secrets changed key", count: count)
        } else if count > 0 {
            self.init(.split, "\(count) secrets changed key and \(max(1, errors.count)) did not", count: count)
        } else if !response.success, RotationTexts.saysOldKeyInvalid(code: nil, texts: [response.message] + errors) {
            self.init(.oldKeyInvalid, "the server says that the old key does not open the secrets", count: 0)
        } else {
            self.init(
                .uncertain(.unrecognised),
                "an answer of success \(response.success) with no secret rotated",
                count: 0
            )
        }
    }

    private init(_ error: FactPulseError) {
        let saysOldKeyInvalid = RotationTexts.saysOldKeyInvalid(
            code: error.code,
            texts: [error.message].compactMap(\.self) + error.fields.map { "\($0.field) \($0.message)" }
        )
        switch error.outcome {
        case .unauthorized where saysOldKeyInvalid, .refused where saysOldKeyInvalid:
            self.init(.oldKeyInvalid, error.description)
        case .notSent, .throttled, .unauthorized, .credentialsRefused: self.init(.notSent, error.description)
        case .uncertain: self.init(.uncertain(.unanswered), error.description)
        case .refused(404) where RotationTexts.saysNotApplicable(code: error.code, text: error.message):
            self.init(.notApplicable, error.description)
        case .refused(404) where RotationTexts.saysUnknownClient(code: error.code, text: error.message):
            self.init(.refused, error.description)
        // The account's rights, not the keys.
        case .refused(403): self.init(.refused, error.description)
        case .refused: self.init(.uncertain(.unrecognised), error.description)
        }
    }
}
