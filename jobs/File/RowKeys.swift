import Foundation

/// Finds rows that repeat an earlier one.
struct RowKeys {
    /// Values of a lesser key, such as a name, that also stand in a row which a greater key, such as a SIRET, decides for;
    /// and the line of that row. Values are known by their hash.
    typealias Taken = [UInt64: Int]

    private let keys: [(key: RowSchema.Key, field: Int)]
    private var table = DuplicateTable()
    private var folded: [UInt8] = []
    private let taken: Taken
    /// The greatest and the least key that decided for a row.
    private var decided: (first: Int, last: Int)?

    /// - Parameter taken: What ``note(_:line:into:)`` found out, so that it does not matter which row comes first.
    init(_ schema: RowSchema, options: FileOptions, taken: Taken = [:]) {
        self.taken = taken
        self.keys = schema.keys.filter { !($0.isOptional && options.allowSameName) }.compactMap { key in
            schema.fields.firstIndex { $0.name == key.field }.map { (key, $0) }
        }
    }

    /// Some rows were told apart by one key and some by another: ``note(_:line:into:)`` may find something.
    var areMixed: Bool { decided.map { $0.first != $0.last } ?? false }

    /// Claims the row's key for `line`.
    /// - Returns: The other line that holds the same key, and what to call it; `nil` when there is none.
    mutating func claim(_ values: [FieldValue], line: Int) -> (code: IssueCode, field: Int, otherLine: Int)? {
        guard let order = keys.firstIndex(where: { !values[$0.field].bytes.isEmpty }) else { return nil }
        decided = (min(order, decided?.first ?? order), max(order, decided?.last ?? order))
        let (key, field) = keys[order]
        let hash = hash(values[field].bytes, order)
        return (taken[hash] ?? table.firstLine(of: hash, at: line)).map { (key.code, field, $0) }
    }

    /// Notes the row's lesser keys where other rows claimed them as their greatest.
    mutating func note(_ values: [FieldValue], line: Int, into taken: inout Taken) {
        guard let order = keys.firstIndex(where: { !values[$0.field].bytes.isEmpty }) else { return }
        for lesser in keys.indices where lesser > order && !values[keys[lesser].field].bytes.isEmpty {
            let hash = hash(values[keys[lesser].field].bytes, lesser)
            if table.contains(hash), taken[hash] == nil { taken[hash] = line }
        }
    }

    private mutating func hash(_ value: [UInt8], _ order: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(order)
        if keys[order].key.isFolded {
            fold(value)
            folded.withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            value.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// Composed, in lower case, with one plain space for each run of white space: as ``NameKey`` compares names.
    private mutating func fold(_ text: [UInt8]) {
        folded.removeAll(keepingCapacity: true)
        let source = Self.isWestern(text) ? text : Self.composedInLowerCase(text)
        var index = 0
        while index < source.count {
            if let length = CellText.spaceLength(source.span, at: index) {
                if folded.last != UInt8(ascii: " ") { folded.append(UInt8(ascii: " ")) }
                index += length
                continue
            }
            let byte = source[index]
            let lead = index > 0 ? source[index - 1] : 0
            switch (lead, byte) {
            case (_, UInt8(ascii: "A")...UInt8(ascii: "Z")): folded.append(byte | 0x20)
            // À…Þ are C3 80…9E and become C3 A0…BE; × is among them. Œ is C5 92.
            case (0xC3, 0x80...0x9E) where byte != 0x97: folded.append(byte | 0x20)
            case (0xC5, 0x92): folded.append(0x93)
            default: folded.append(byte)
            }
            index += 1
        }
    }

    /// Whether ``fold(_:)`` knows every letter itself: Unicode's own tables take ten times as long. So it does ASCII,
    /// Latin-1, Œ, and the punctuation and currency signs of U+2000...U+203F and U+2080...U+20BF.
    private static func isWestern(_ text: [UInt8]) -> Bool {
        for (index, byte) in text.enumerated() where byte >= 0xC0 {
            switch (byte, text[index + 1]) {
            case (0xC2...0xC3, _), (0xC5, 0x92...0x93), (0xE2, 0x80), (0xE2, 0x82): break
            default: return false
            }
        }
        return true
    }

    private static func composedInLowerCase(_ text: [UInt8]) -> [UInt8] {
        Array(String(decoding: text, as: UTF8.self).precomposedStringWithCanonicalMapping.lowercased().utf8)
    }
}
