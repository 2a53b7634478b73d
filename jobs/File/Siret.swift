/// The number of a French establishment: a SIREN of 9 digits and 5 more, with check digits in both.
///
/// People type it in groups, and spreadsheets take it for a number. What loses nothing is cleaned without a word; what
/// might mean another company is refused with its cure.
enum Siret {
    /// Cleans a cell into 14 digits, or says why it cannot be done.
    static let check: FieldSpec.Check = { cell, options, value in
        gather(cell, into: &value.bytes)
        if value.bytes.isEmpty { return }
        if isScientific(value.bytes.span) { return value.refuse(.siretScientific) }
        dropSeparators(&value.bytes)
        guard value.bytes.allSatisfy({ digits.contains($0) }) else { return value.refuse(.siretCharacters) }
        switch value.bytes.count {
        case 0: value.refuse(.siretCharacters)
        case 14: judge(&value, options)
        case 13: repair(&value, options)
        case 9: value.refuse(.siretIsSiren)
        default: value.refuse(.siretLength, "It has \(value.bytes.count).")
        }
    }

    /// Whether `siret`, 14 ASCII digits, has the check digits of a real establishment.
    ///
    /// La Poste ran out of numbers: its establishments other than the head office carry a digit sum that is a multiple
    /// of 5.
    static func hasValidCheckDigits(_ siret: Span<UInt8>) -> Bool {
        guard luhnSum(siret.extracting(..<9)) % 10 == 0 else { return false }
        if luhnSum(siret) % 10 == 0 { return true }
        let laPoste: StaticString = "356000000"
        for index in 0..<9 where siret[index] != laPoste.utf8Start[index] { return false }
        var sum = 0
        for index in siret.indices { sum += Int(siret[index] - UInt8(ascii: "0")) }
        return sum % 5 == 0
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    /// Every second digit from the right counts twice, less 9 when that is above 9.
    private static func luhnSum(_ number: Span<UInt8>) -> Int {
        var sum = 0
        for index in number.indices {
            let digit = Int(number[index] - UInt8(ascii: "0"))
            let isDoubled = (number.count - index) % 2 == 0
            sum += isDoubled ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit
        }
        return sum
    }

    private static func judge(_ value: inout FieldValue, _ options: FileOptions) {
        // 14 zeros pass every sum and are nobody's number.
        let isZero = value.bytes.allSatisfy { $0 == UInt8(ascii: "0") }
        if isZero || options.siretCheck == .luhn && !hasValidCheckDigits(value.bytes.span) {
            value.refuse(.siretChecksum)
        }
    }

    /// 13 digits: a number whose leading zero a spreadsheet dropped, if the check digits say so.
    private static func repair(_ value: inout FieldValue, _ options: FileOptions) {
        let padded = [UInt8(ascii: "0")] + value.bytes
        guard hasValidCheckDigits(padded.span) else { return value.refuse(.siretLength, "It has 13.") }
        if options.fix {
            value.bytes = padded
            value.wasFixed = true
        } else {
            value.refuse(.siretLeadingZero, "Proposed: \(String(decoding: padded, as: UTF8.self)).")
        }
    }

    /// Copies the cell without spaces and without what spreadsheets put around a number that is text: `'…` and `="…"`.
    private static func gather(_ cell: Span<UInt8>, into target: inout [UInt8]) {
        var index = 0
        while index < cell.count {
            if let length = CellText.spaceLength(cell, at: index) {
                index += length
            } else {
                target.append(cell[index])
                index += 1
            }
        }
        if target.starts(with: [UInt8(ascii: "'")]) { target.removeFirst() }
        if target.starts(with: typographicApostrophe) { target.removeFirst(typographicApostrophe.count) }
        if target.count >= 3, target.starts(with: textFormula), target.last == UInt8(ascii: "\"") {
            target.removeFirst(textFormula.count)
            target.removeLast()
        }
    }

    private static let typographicApostrophe = Array("’".utf8)
    private static let textFormula = Array("=\"".utf8)

    /// `1,23E+13`, `7.3E13`, `7E+13`.
    private static func isScientific(_ text: Span<UInt8>) -> Bool {
        var index = 0
        func skipDigits() -> Bool {
            let start = index
            while index < text.count, digits.contains(text[index]) { index += 1 }
            return index > start
        }
        guard skipDigits() else { return false }
        if index < text.count, text[index] == UInt8(ascii: ",") || text[index] == UInt8(ascii: ".") {
            index += 1
            _ = skipDigits()
        }
        guard index < text.count, text[index] | 0x20 == UInt8(ascii: "e") else { return false }
        index += 1
        if index < text.count, text[index] == UInt8(ascii: "+") { index += 1 }
        return skipDigits() && index == text.count
    }

    /// Drops the dots and hyphens between groups, and the `.0` or `,0` of a number with decimals.
    private static func dropSeparators(_ text: inout [UInt8]) {
        let isMark = { (byte: UInt8) in byte == UInt8(ascii: ",") || byte == UInt8(ascii: ".") }
        if let mark = text.firstIndex(where: isMark), mark > 0, mark + 1 < text.count,
            text[(mark + 1)...].allSatisfy({ $0 == UInt8(ascii: "0") })
        {
            text.removeSubrange(mark...)
        }
        text.removeAll { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }
}
