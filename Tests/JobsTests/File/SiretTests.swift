import Testing

@testable import Jobs

struct SiretTests {
    static let valid = [
        "73282932000074", "12345678200010", "50123456100014", "81234567600421",
        "35600000000048",  // La Poste's head office: Luhn
        "35600000049837",  // a post office: digit sum 45, Luhn sum 48
    ]

    private func check(_ cell: String, _ options: FileOptions = FileOptions()) -> FieldValue {
        var value = FieldValue()
        Siret.check(Array(cell.utf8).span, options, &value)
        return value
    }

    private func text(_ value: FieldValue) -> String { String(decoding: value.bytes, as: UTF8.self) }

    @Test(arguments: valid) func `a real number is taken as it is`(_ siret: String) {
        let value = check(siret)
        #expect(text(value) == siret)
        #expect(value.issues.isEmpty)
    }

    @Test(arguments: [
        ("73282932000079", IssueCode.siretChecksum), ("73282932100072", .siretChecksum),
        ("12345678901234", .siretChecksum), ("35600000000041", .siretChecksum),
        ("7328293200007", .siretLength), ("732829320000A4", .siretCharacters),
        ("00000000000000", .siretChecksum), ("732829320", .siretIsSiren), ("356000000", .siretIsSiren),
        ("73282932", .siretLength), ("732829320000740", .siretLength), ("1", .siretLength),
        ("1,23457E+13", .siretScientific), ("7,90261E+13", .siretScientific),
        ("1.23e13", .siretScientific), ("7E+13", .siretScientific), ("7.3282932000074E+13", .siretScientific),
        ("null", .siretCharacters), ("N/A", .siretCharacters), ("-", .siretCharacters), ("…", .siretCharacters),
        ("٧٣٢٨٢٩٣٢٠٠٠٠٧٤", .siretCharacters), ("73,282,932,000,074", .siretCharacters),
        ("552.5", .siretLength), ("FR73282932000074", .siretCharacters),
    ]) func `a number that is not right is refused under its own code`(_ cell: String, _ code: IssueCode) {
        #expect(check(cell).issues.map(\.code) == [code])
    }

    @Test(arguments: [
        "732 829 320 00074", "732\u{A0}829\u{A0}320\u{A0}00074", "732\u{202F}829\u{202F}320\u{202F}00074",
        "732.829.320.00074", "732-829-320-00074", "'73282932000074", "’73282932000074", "=\"73282932000074\"",
        "73282932000074.0", "73282932000074,0", "73282932000074.00", "732 829 320 00074,00", "732-829-320-00074.0",
        "  73282932000074\r\n",
        "\t73282932000074 ", "\u{FEFF}73282932000074",
    ]) func `what people and spreadsheets put around the digits is taken away`(_ cell: String) {
        let value = check(cell)
        #expect(text(value) == "73282932000074")
        #expect(value.issues.isEmpty)
    }

    @Test(arguments: ["", " ", "\u{A0}", "'"]) func `a blank cell has no number and nothing wrong`(_ cell: String) {
        let value = check(cell)
        #expect(value.bytes.isEmpty)
        #expect(value.issues.isEmpty)
    }

    /// 05520135400010: Luhn holds for 055201354 and for all 14 digits (computed with a script of its own).
    @Test func `a lost leading zero is proposed, and put back only when asked`() {
        let proposed = check("5520135400010")
        #expect(proposed.issues.map(\.code) == [.siretLeadingZero])
        #expect(proposed.issues[0].detail.contains("05520135400010"))
        let fixed = check("5520135400010", FileOptions(fix: true))
        #expect(text(fixed) == "05520135400010")
        #expect(fixed.wasFixed)
        #expect(fixed.issues.isEmpty)
    }

    @Test func `a SIREN is never padded to 14 digits`() {
        // 00000732829320 would pass both sums of a careless check.
        #expect(check("732829320", FileOptions(fix: true)).issues.map(\.code) == [.siretIsSiren])
    }

    @Test func `made-up numbers pass where only the format is asked for, zeros and letters do not`() {
        let options = FileOptions(siretCheck: .format)
        #expect(check("12345678901234", options).issues.isEmpty)
        #expect(check("00000000000000", options).issues.map(\.code) == [.siretChecksum])
        #expect(check("1234567890123A", options).issues.map(\.code) == [.siretCharacters])
        #expect(check("1,23E+13", options).issues.map(\.code) == [.siretScientific])
    }

    /// Every 14-digit number that a slip of one digit makes of a good one must be refused.
    @Test(arguments: valid.filter { !$0.hasPrefix("356000000") }) func `no single wrong digit passes`(_ siret: String) {
        let digits = Array(siret.utf8)
        for place in digits.indices {
            for digit in UInt8(ascii: "0")...UInt8(ascii: "9") where digit != digits[place] {
                var wrong = digits
                wrong[place] = digit
                let passes = Siret.hasValidCheckDigits(wrong.span)
                #expect(!passes)
            }
        }
    }
}
