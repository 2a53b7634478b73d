/// The one ASCII character between two cells.
package struct Delimiter: Sendable, Hashable {
    package let byte: UInt8

    package static let semicolon = Delimiter(byte: UInt8(ascii: ";"))
    package static let comma = Delimiter(byte: UInt8(ascii: ","))
    package static let tab = Delimiter(byte: UInt8(ascii: "\t"))
    package static let pipe = Delimiter(byte: UInt8(ascii: "|"))

    /// What is tried when nobody says, the likeliest first: French Excel writes semicolons, its "Unicode text" tabs.
    static let candidates: [Delimiter] = [.semicolon, .tab, .comma, .pipe]

    init(byte: UInt8) {
        self.byte = byte
    }

    /// Reads what people write after `--delimiter` or `sep=`: the character, or `tab`, `comma`, `semicolon`, `pipe`.
    /// - Returns: `nil` for letters, digits, quotes, line ends and everything longer.
    package init?(name: String) {
        switch name.lowercased() {
        case "tab", "\\t": self = .tab
        case "comma": self = .comma
        case "semicolon": self = .semicolon
        case "pipe": self = .pipe
        default:
            guard name.utf8.count == 1, let byte = name.utf8.first, Self.canSeparate(byte) else { return nil }
            self.init(byte: byte)
        }
    }

    /// The delimiter as a person would say it.
    package var name: String {
        self == .tab ? "tab" : String(UnicodeScalar(byte))
    }

    private static func canSeparate(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\t"): true
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: " "): false
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"): false
        case UInt8(ascii: "a")...UInt8(ascii: "z"): false
        default: byte > 0x20 && byte < 0x7F
        }
    }
}
