/// The answer to a key rotation. A 2xx alone is not a success: look at ``isComplete``.
package struct KeyRotationResponse: Sendable, Equatable, Decodable {
    package var success: Bool
    package var message: String
    /// How many secrets changed key.
    package var rotatedCount: Int
    package var partialErrors: [String]?

    /// Whether every secret is now under the new key. If not, both keys must be kept.
    package var isComplete: Bool { success && (partialErrors ?? []).isEmpty }
}

extension KeyRotationResponse {
    /// The same answer without any part of the keys, should the server have quoted them.
    func scrubbed(by scrubber: Scrubber) -> KeyRotationResponse {
        var copy = self
        copy.message = scrubber.clean(message)
        copy.partialErrors = partialErrors?.map { scrubber.clean($0) }
        return copy
    }
}
