import Foundation

/// Finds pieces of secrets in texts: raw, in hexadecimal, in base64, escaped for a URL or for JSON.
package struct LeakScan: Sendable {
    /// How many bytes of a secret in a row are a leak.
    package static let window = 12

    /// Twelve bytes.
    private struct Piece: Hashable, Sendable {
        var high: UInt64 = 0
        var low: UInt32 = 0

        mutating func push(_ byte: UInt8) {
            high = high << 8 | UInt64(low >> 24)
            low = low << 8 | UInt32(byte)
        }
    }

    private let pieces: Set<Piece>

    package init(_ secrets: some Sequence<String>) {
        pieces = Set(secrets.flatMap(Self.forms).flatMap(Self.pieces))
    }

    private static func forms(of secret: String) -> [String] {
        let bytes = Data(secret.utf8)
        // A key is sent in base64, so its own bytes are another form of it.
        let hexadecimal = [bytes, Data(base64Encoded: secret) ?? Data()].map { data in
            data.map { String(format: "%02x", $0) }.joined()
        }
        let base64 = bytes.base64EncodedString()
        let percent = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let urlSafe = [secret, base64].map { $0.replacing("+", with: "-").replacing("/", with: "_") }
        let upperCase = hexadecimal.map { $0.uppercased() }
        return [secret, base64, percent, secret.replacing("/", with: #"\/"#)] + hexadecimal + upperCase + urlSafe
    }

    private static func pieces(of text: String) -> [Piece] {
        var piece = Piece()
        return text.utf8.enumerated().compactMap { position, byte in
            piece.push(byte)
            return position >= window - 1 ? piece : nil
        }
    }

    /// Whether the text shows a piece of a secret.
    package func finds(in text: String) -> Bool {
        Self.pieces(of: text).contains { pieces.contains($0) }
    }

    /// Every way in which a value may be printed.
    package static func prints(of value: Any) -> [String] {
        var dumped = ""
        dump(value, to: &dumped)
        let error = (value as? any Error).map { [$0.localizedDescription] } ?? []
        return ["\(value)", String(describing: value), String(reflecting: value), dumped] + error
    }
}

extension LeakScan: CustomStringConvertible {
    /// Shows nothing of what it looks for, where a test fails.
    package var description: String { "a scan for \(pieces.count) pieces" }
}
