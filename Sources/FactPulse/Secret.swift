/// A text that must never be printed: a password, an API key, a token, a client secret.
///
/// Every way of printing it gives `<redacted>`, and it is not `Encodable`, so that it cannot slip into a log, a
/// database row or a JSON body by accident. ``reveal`` is the one door, easy to find in a review.
package struct Secret: Sendable, Hashable {
    /// The text itself. Give it only to the request that needs it.
    package let reveal: String

    package init(_ text: String) {
        reveal = text
    }

    package var isEmpty: Bool { reveal.isEmpty }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: Decodable {
    package init(from decoder: any Decoder) throws {
        reveal = try decoder.singleValueContainer().decode(String.self)
    }
}
