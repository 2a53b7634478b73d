/// Finds rows that repeat an earlier one.
struct RowKeys {
    private let keys: [(key: RowSchema.Key, field: Int)]
    private var table = DuplicateTable()
    private var folded: [UInt8] = []

    init(_ schema: RowSchema, options: FileOptions) {
        self.keys = schema.keys.filter { !($0.isOptional && options.allowSameName) }.compactMap { key in
            schema.fields.firstIndex { $0.name == key.field }.map { (key, $0) }
        }
    }

    /// Claims the row's key for `line`.
    /// - Returns: The earlier line that holds the same key, and what to call it; `nil` when there is none.
    mutating func claim(_ values: [FieldValue], line: Int) -> (code: IssueCode, field: Int, firstLine: Int)? {
        for (order, (key, field)) in keys.enumerated() where !values[field].bytes.isEmpty {
            var hasher = Hasher()
            hasher.combine(order)
            if key.isFolded {
                fold(values[field].bytes)
                folded.withUnsafeBytes { hasher.combine(bytes: $0) }
            } else {
                values[field].bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
            }
            let hash = UInt64(bitPattern: Int64(hasher.finalize()))
            return table.firstLine(of: hash, at: line).map { (key.code, field, $0) }
        }
        return nil
    }

    /// Lower case, one plain space for each run of white space.
    private mutating func fold(_ text: [UInt8]) {
        folded.removeAll(keepingCapacity: true)
        let isASCII = text.allSatisfy { $0 < 0x80 }
        let source = isASCII ? text : Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
        var index = 0
        while index < source.count {
            if let length = CellText.spaceLength(source.span, at: index) {
                if folded.last != UInt8(ascii: " ") { folded.append(UInt8(ascii: " ")) }
                index += length
            } else {
                let byte = source[index]
                let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                folded.append(isCapital ? byte | 0x20 : byte)
                index += 1
            }
        }
    }
}
