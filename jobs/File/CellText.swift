/// What is asked of a text cell, answered on its UTF-8 bytes.
enum CellText {
    /// Appends `cell` to `target` without the white space around it.
    static func trim(_ cell: Span<UInt8>, into target: inout [UInt8]) {
        var start = 0
        var end = cell.count
        while start < end, let length = spaceLength(cell, at: start) { start += length }
        while end > start, let length = spaceLength(cell, before: end) { end -= length }
        cell.extracting(start..<end).withUnsafeBufferPointer { target.append(contentsOf: $0) }
    }

    static func isBlank(_ cell: Span<UInt8>) -> Bool {
        var index = 0
        while index < cell.count, let length = spaceLength(cell, at: index) { index += length }
        return index == cell.count
    }

    /// How many scalars a text has, and whether some of them have no shape.
    static func measure(_ text: Span<UInt8>) -> (scalars: Int, hasLineBreak: Bool, hasControl: Bool) {
        var scalars = 0
        var hasLineBreak = false
        var hasControl = false
        for index in text.indices {
            let byte = text[index]
            if byte & 0xC0 != 0x80 { scalars += 1 }
            switch byte {
            case 0x09, 0x0A, 0x0D: hasLineBreak = true
            case 0..<0x20, 0x7F: hasControl = true
            // U+0080...U+009F are C2 80...9F.
            case 0x80...0x9F where index > 0 && text[index - 1] == 0xC2: hasControl = true
            default: break
            }
        }
        return (scalars, hasLineBreak, hasControl)
    }

    /// At most 40 characters of a text, on one line, without what would turn it around or control a screen.
    static func excerpt(_ text: String) -> String {
        let start = text.unicodeScalars.prefix(41)
        let shown = start.prefix(40).map { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.isBidiControl ? " " : scalar
        }
        return String(String.UnicodeScalarView(shown)) + (start.count > 40 ? "…" : "")
    }

    /// What programs write for a value that is not there, and the errors that Excel shows in a cell.
    private static let placeholders: Set<String> = [
        "null", "(null)", "n/a", "undefined", "#n/a", "#ref!", "#value!", "#valeur!", "#name?", "#nom?", "#div/0!",
        "#num!", "#nombre!", "#null!", "#nul!", "#calc!", "#spill!",
    ]

    static func isPlaceholder(_ text: Span<UInt8>) -> Bool {
        guard (3...9).contains(text.count) else { return false }
        let word = text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        return placeholders.contains(word.lowercased())
    }

    /// The length of the white space character that begins at `index`: ASCII's, U+00A0, U+2000...U+200B, U+202F,
    /// U+3000, U+FEFF.
    static func spaceLength(_ text: Span<UInt8>, at index: Int) -> Int? {
        let rest = text.count - index
        switch text[index] {
        case 0x20, 0x09...0x0D: return 1
        case 0xC2 where rest >= 2 && text[index + 1] == 0xA0: return 2
        case 0xE2 where rest >= 3 && text[index + 1] == 0x80:
            return text[index + 2] <= 0x8B || text[index + 2] == 0xAF ? 3 : nil
        case 0xE3 where rest >= 3 && text[index + 1] == 0x80 && text[index + 2] == 0x80: return 3
        case 0xEF where rest >= 3 && text[index + 1] == 0xBB && text[index + 2] == 0xBF: return 3
        default: return nil
        }
    }

    /// The length of the white space character that ends just before `end`.
    private static func spaceLength(_ text: Span<UInt8>, before end: Int) -> Int? {
        for length in 1...3 where length <= end {
            if spaceLength(text.extracting(..<end), at: end - length) == length { return length }
        }
        return nil
    }
}
