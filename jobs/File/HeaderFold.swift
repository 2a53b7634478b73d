/// The part of a header that carries its meaning: letters and digits, without case and accents.
enum HeaderFold {
    /// `N° SIRET` becomes `nsiret`, `Dénomination sociale` becomes `denominationsociale`.
    static func fold(_ text: String) -> String {
        var folded = ""
        for scalar in text.lowercased().unicodeScalars {
            if let plain = plain[scalar] {
                folded += plain
            } else if scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal {
                // Combining accents are not alphabetic and so fall away. The ordinal signs of "N° / Nº" do as well.
                if scalar != "º", scalar != "ª" { folded.unicodeScalars.append(scalar) }
            }
        }
        return folded
    }

    /// The accented letters of Western European headers.
    private static let plain: [Unicode.Scalar: String] = {
        let families = [
            "a": "àáâãäå", "c": "ç", "e": "èéêë", "i": "ìíîï", "n": "ñ", "o": "òóôõöø", "u": "ùúûü", "y": "ýÿ",
            "oe": "œ", "ae": "æ", "ss": "ß", "s": "š", "z": "ž",
        ]
        var table: [Unicode.Scalar: String] = [:]
        for (plain, accented) in families {
            for scalar in accented.unicodeScalars { table[scalar] = plain }
        }
        return table
    }()
}
