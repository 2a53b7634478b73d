import Foundation

/// The customer's AES-256 key of double encryption mode: exactly 32 bytes. It prints as `<redacted>`.
package struct EncryptionKey: Sendable, Hashable {
    /// How many bytes a key has.
    package static let length = 32

    package let bytes: [UInt8]

    /// - Returns: `nil` unless there are exactly 32 bytes.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    /// Reads standard base64 with padding. The length of the text proves nothing: 31, 32 and 33 bytes all give 44
    /// characters, so the bytes are counted.
    /// - Returns: `nil` unless `base64` holds exactly 32 bytes.
    package init?(base64: String) {
        guard let data = Data(base64Encoded: base64) else { return nil }
        self.init(bytes: data)
    }

    /// The form that goes over the wire: standard alphabet, padded, 44 characters.
    package var base64: Secret { Secret(Data(bytes).base64EncodedString()) }
}

extension EncryptionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
