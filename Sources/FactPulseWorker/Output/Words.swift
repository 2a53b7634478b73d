import Foundation

extension Int {
    /// With thousands apart: 1,187.
    var grouped: String {
        let digits = String(magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return self < 0 ? "-\(text)" : text
    }

    /// "1 row", "1,187 rows".
    /// - Parameter plural: Of a noun that does not only add an s.
    func counted(_ noun: String, _ plural: String? = nil) -> String {
        "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
    }
}

extension Double {
    /// For people: 10, 4.2, 0.35.
    var spoken: String {
        formatted(
            .number.precision(.significantDigits(1...3)).grouping(.never).locale(Locale(identifier: "en_US_POSIX"))
        )
    }
}

extension String {
    /// Fit for a screen: what would turn the text around, move the cursor or colour the rest is written as \u{…}, and line
    /// ends and tabs as spaces.
    var shown: String {
        guard unicodeScalars.contains(where: Self.isUnseen) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\n", "\r", "\t": text += " "
            case _ where Self.isUnseen(scalar): text += Self.spelled(scalar)
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// Control characters, and those that decide in which direction text runs.
    static func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
    }

    /// `\u{202E}`
    static func spelled(_ scalar: Unicode.Scalar) -> String {
        "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }

    /// As one word of a shell's command line.
    var shellWord: String {
        wholeMatch(of: /[A-Za-z0-9._-]+/) != nil ? self : "'" + replacing("'", with: #"'\''"#) + "'"
    }

    /// With spaces behind it, up to a width.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }

    /// For people: 3 s, 4 min 10 s, 2 h 5 min, 3 days.
    var spoken: String {
        let seconds = Int(inSeconds.rounded())
        return switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3_600: "\(seconds / 60) min" + (seconds % 60 == 0 ? "" : " \(seconds % 60) s")
        case ..<172_800: "\(seconds / 3_600) h" + (seconds % 3_600 < 60 ? "" : " \(seconds % 3_600 / 60) min")
        default: "\(seconds / 86_400) days"
        }
    }
}

extension Date {
    /// In the time zone of this machine, which it names, to the second.
    var spoken: String {
        formatted(
            Date.ISO8601FormatStyle(timeZone: .current).year().month().day().dateTimeSeparator(.space).time(
                includingFractionalSeconds: false
            ).timeZone(separator: .colon)
        )
    }
}

/// The nearest of some words to one that is not among them.
enum DidYouMean {
    /// - Returns: `nil` when none is near enough to be meant.
    static func nearest(to word: String, among words: [String]) -> String? {
        let near = words.map { (word: $0, distance: distance($0.lowercased(), word.lowercased())) }
        guard let best = near.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(2, word.count / 3) ? best.word : nil
    }

    /// How many letters have to be changed, added or taken away.
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left), Array(right))
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let cost = min(row[j] + 1, row[j + 1] + 1, diagonal + (letter == other ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
