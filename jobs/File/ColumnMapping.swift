/// Which column feeds which field.
struct ColumnMapping {
    /// Columns that our result files add. When such a file comes back they are no data; the uid says which rows had
    /// become clients.
    static let resultColumns = ["_line", "_status", uidColumn, "_error_code", "_error", "_candidates"]
    private static let uidColumn = "_uid"

    /// The header as it stands in the file, trimmed.
    let header: [String]
    /// One entry a field: the place of its column, or `nil` when the file has none for an optional field.
    private(set) var places: [Int?]

    /// - Throws: `.unknownField`, `.unknownColumn`, `.columnUsedTwice`, `.duplicateHeader`, `.ambiguousColumns`,
    ///   `.missingColumn`, `.missingColumns`: each names the columns in question and the `--map` that cures it.
    init(header: [String], schema: RowSchema, options: FileOptions) throws(FileError) {
        let fields = schema.fields
        self.header = header
        self.places = Array(repeating: nil, count: fields.count)
        for name in options.columns.keys.sorted() where !fields.contains(where: { $0.name == name }) {
            throw .unknownField(name, known: fields.map(\.name))
        }
        for (index, field) in fields.enumerated() {
            if let column = options.columns[field.name] { places[index] = try find(column, for: field) }
        }
        try checkUsedOnce(fields)
        let claimed = Set(places.compactMap(\.self))
        for (index, field) in fields.enumerated() where places[index] == nil {
            places[index] = try match(field, except: claimed)
        }
        let found = zip(fields, places).filter { $1 != nil }.map(\.0.name)
        for wanted in [schema.oneOf.map { [$0] }, schema.changes] where !wanted.isEmpty {
            if wanted.contains(where: { $0.allSatisfy(found.contains) }) { continue }
            throw .missingColumns(fields: wanted.compactMap(\.last), seen: ownPlaces.map { header[$0] })
        }
    }

    /// Columns of the file's owner, by place: all but ours.
    var ownPlaces: [Int] {
        header.indices.filter { !Self.resultColumns.contains(header[$0].lowercased()) }
    }

    /// Where the uids of a result file are.
    var uidPlace: Int? { header.firstIndex { $0.lowercased() == Self.uidColumn } }

    /// The column that `--map` names, by place or by name.
    private func find(_ column: String, for field: FieldSpec) throws(FileError) -> Int {
        if column.hasPrefix("#"), let number = Int(column.dropFirst()) {
            guard header.indices.contains(number - 1) else {
                throw .unknownColumn(field: field.name, column: column, seen: header)
            }
            return number - 1
        }
        var found = ownPlaces.filter { header[$0].lowercased() == column.lowercased() }
        if found.isEmpty { found = ownPlaces.filter { !fold(column).isEmpty && fold(header[$0]) == fold(column) } }
        guard let first = found.first else { throw .unknownColumn(field: field.name, column: column, seen: header) }
        if found.count > 1 { throw .duplicateHeader(field: field.name, column: header[first]) }
        return first
    }

    private func checkUsedOnce(_ fields: [FieldSpec]) throws(FileError) {
        for place in Set(places.compactMap(\.self)).sorted() {
            let users = fields.indices.filter { places[$0] == place }.map { fields[$0].name }
            if users.count > 1 { throw .columnUsedTwice(column: header[place], fields: users) }
        }
    }

    /// The one column whose header means the field. A header that only resembles one is nobody's: a guess could put
    /// SIRENs where SIRETs belong.
    private func match(_ field: FieldSpec, except claimed: Set<Int>) throws(FileError) -> Int? {
        let aliases = Set(field.aliases.map(fold))
        let found = ownPlaces.filter { !claimed.contains($0) && aliases.contains(fold(header[$0])) }
        guard let first = found.first else {
            // The result file of one run names the clients that the next one changes.
            if field.name == FieldSpec.clientUID.name, let uidPlace { return uidPlace }
            if field.missing != nil {
                let seen = ownPlaces.map { header[$0] }
                throw .missingColumn(field: field.name, accepted: field.aliases, seen: seen)
            }
            return nil
        }
        if found.count > 1 {
            let names = found.map { header[$0] }
            if Set(names).count == 1 { throw .duplicateHeader(field: field.name, column: header[first]) }
            throw .ambiguousColumns(field: field.name, columns: names)
        }
        return first
    }

    private func fold(_ text: String) -> String { HeaderFold.fold(text) }
}
