/// Keeps a spreadsheet from running a cell as a formula (OWASP ASVS 1.2.10), in a way that reading takes back exactly.
///
/// A cell that begins with `= + - @`, tab, a line end or a full-width form of the signs gets one apostrophe in front,
/// and so does one that begins with apostrophes before such a sign: otherwise a cell that really was `'=1` would lose
/// its own.
enum FormulaGuard {
    private static let apostrophe = UInt8(ascii: "'")

    /// The text as it may stand in a file that people open.
    static func protect(_ text: String) -> String {
        var copy = text
        return copy.withUTF8 { isDangerous(Span(_unsafeElements: $0), from: 0) } ? "'" + text : text
    }

    /// How many bytes at the start of `cell` were put there by ``protect(_:)``: 0 or 1.
    static func prefixLength(_ cell: Span<UInt8>) -> Int {
        guard cell.count > 1, cell[0] == apostrophe else { return 0 }
        return isDangerous(cell, from: 1) ? 1 : 0
    }

    private static func isDangerous(_ cell: Span<UInt8>, from start: Int) -> Bool {
        var index = start
        while index < cell.count, cell[index] == apostrophe { index += 1 }
        guard index < cell.count else { return false }
        switch cell[index] {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0A, 0x0D: return true
        // ＋ － ＝ ＠ are EF BC 8B, 8D, 9D, A0.
        case 0xEF:
            guard index + 2 < cell.count, cell[index + 1] == 0xBC else { return false }
            return [0x8B, 0x8D, 0x9D, 0xA0].contains(cell[index + 2])
        default: return false
        }
    }
}
