/// Looks for the SIRETs of a file in which no header says SIRET: such a column would be left out without a word.
struct UnusedSirets {
    /// So many rows are looked at.
    private static let sample = 1_000

    private let file: RowFile
    private var columns: [Column]
    private var rows = 0
    private var value = FieldValue()

    private struct Column {
        let place: Int
        var cells = 0
        var sirets = 0
    }

    init(_ file: RowFile) {
        self.file = file
        let mapping = file.mapping
        let isWanted = zip(file.schema.fields, mapping.places).contains { $0.name == FieldSpec.siret.name && $1 == nil }
        let used = Set(mapping.places.compactMap(\.self))
        columns = isWanted ? mapping.ownPlaces.filter { !used.contains($0) }.map { Column(place: $0) } : []
    }

    mutating func note(_ records: RecordReader) {
        guard !columns.isEmpty, rows < Self.sample else { return }
        rows += 1
        for index in columns.indices where !records.isBlank(columns[index].place) {
            columns[index].cells += 1
            value.reset()
            Siret.check(records.text.span.extracting(records.content(columns[index].place)), FileOptions(), &value)
            let isSiret = value.issues.isEmpty ? value.bytes.count == 14 : value.issues[0].code == .siretLeadingZero
            if isSiret { columns[index].sirets += 1 }
        }
    }

    /// By its header, or by its place where that is not enough to name it.
    var column: String? {
        guard let found = columns.max(by: { $0.sirets < $1.sirets }), found.sirets * 2 > found.cells else { return nil }
        let header = file.mapping.header
        let name = header[found.place]
        let isName = !name.isEmpty && header.count { $0.lowercased() == name.lowercased() } == 1
        return isName ? name : "#\(found.place + 1)"
    }
}
