import Foundation

/// Which client of the account: a UUID, always in its canonical lower-case form of 36 characters.
package struct ClientUID: Sendable, Hashable, Comparable {
    package let text: String

    /// - Returns: `nil` when `text` is not a UUID of 36 characters, in either case.
    package init?(_ text: String) {
        guard text.utf8.count == 36, let uuid = UUID(uuidString: text) else { return nil }
        self.text = uuid.uuidString.lowercased()
    }

    package static func < (left: ClientUID, right: ClientUID) -> Bool { left.text < right.text }
}

extension ClientUID: CustomStringConvertible {
    package var description: String { text }
}

extension ClientUID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let uid = ClientUID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "the uid is not a UUID")
        }
        self = uid
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
