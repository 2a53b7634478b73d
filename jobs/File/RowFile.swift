/// How a file is written, found out or given.
package struct CSVFormat: Sendable, Hashable {
    package let encoding: TextEncoding
    package let delimiter: Delimiter
    /// Headers of the columns that belong to the file's owner, in order. Columns that our result files add are left
    /// out.
    package let columns: [String]
    /// Field to header.
    package let mapping: [String: String]
    /// Columns that feed no field. They are kept for the result file.
    package let ignored: [String]
}

/// A CSV file that an operation can read: its form is known and its columns are found. Its rows were not looked at yet.
///
/// It may be read several times, also at the same time, each time by a ``RowCursor`` of its own. All of it blocks the
/// thread: never call from the cooperative pool.
package struct RowFile: Sendable {
    package let format: CSVFormat
    package let schema: RowSchema
    package let options: FileOptions
    /// In bytes.
    package var size: Int { input.size }

    let input: InputFile
    let mapping: ColumnMapping
    /// Columns whose cells may be kept as they stand in the file.
    let keptPlaces: [Int]
    /// The record before the first row: Excel's `sep=` line and the header.
    let skipsDeclaration: Bool

    /// Opens the file, finds encoding, delimiter and columns.
    ///
    /// Reads the file once from end to end where the encoding has no mark and is not given.
    /// - Throws: Every ``FileError`` but those of writing; the file is closed then.
    package static func open(path: String, schema: RowSchema, options: FileOptions = FileOptions()) throws(FileError)
        -> RowFile
    {
        try RowFile(InputFile(path: path), schema, options)
    }

    private init(_ input: InputFile, _ schema: RowSchema, _ options: FileOptions) throws(FileError) {
        self.input = input
        self.schema = schema
        self.options = options
        let detector = EncodingDetector(file: input, recordLimit: options.recordLimit)
        let encoding = try detector.detect(given: options.encoding)
        let sniffer = try Self.head(input, encoding, options)
        let declared = sniffer.declared()
        self.skipsDeclaration = declared != nil
        let delimiter = options.delimiter ?? declared?.delimiter ?? sniffer.best()
        let (header, line) = try Self.header(input, encoding, delimiter, skipsDeclaration, options)
        do throws(FileError) {
            if header.count == 1, options.delimiter == nil, declared == nil, !schema.isList(under: header[0]) {
                throw .oneColumn(header: header[0])
            }
            self.mapping = try ColumnMapping(header: header, schema: schema, options: options)
        } catch {
            let search = HeaderSearch(schema: schema, options: options) { delimiter throws(FileError) in
                try Self.records(input, encoding, delimiter, false, options)
            }
            throw search.explain(error, line: line, delimiter, first: header[0])
        }
        let used = Set(mapping.places.compactMap(\.self))
        let secrets = zip(schema.fields, mapping.places).filter(\.0.isSecret).compactMap(\.1)
        // Where one column holds secrets, a second one that nobody knows may hold them too.
        self.keptPlaces = mapping.ownPlaces.filter { !schema.hasSecrets || used.contains($0) && !secrets.contains($0) }
        var byField: [String: String] = [:]
        for (field, place) in zip(schema.fields, mapping.places) {
            if let place { byField[field.name] = header[place] }
        }
        self.format = CSVFormat(
            encoding: encoding,
            delimiter: delimiter,
            columns: mapping.ownPlaces.map { header[$0] },
            mapping: byField,
            ignored: mapping.ownPlaces.filter { !used.contains($0) && !header[$0].isEmpty }.map { header[$0] }
        )
    }

    /// A cursor before the first row.
    /// - Parameter known: What ``settle(chunk:_:)`` found. Without it, rows that are not whole are not told apart.
    func rows(_ known: RowFindings? = nil) throws(FileError) -> RowCursor {
        try RowCursor(self, known: known)
    }

    /// The records of the file, from behind the `sep=` line.
    func records(chunk: Int = 1 << 16) throws(FileError) -> RecordReader {
        try Self.records(input, format.encoding, format.delimiter, skipsDeclaration, options, chunk)
    }

    private static func records(
        _ input: InputFile,
        _ encoding: TextEncoding,
        _ delimiter: Delimiter,
        _ skipsDeclaration: Bool,
        _ options: FileOptions,
        _ chunk: Int = 1 << 16
    ) throws(FileError) -> RecordReader {
        let source = try TextSource(file: input, encoding: encoding, chunk: chunk)
        var records = RecordReader(source, delimiter: delimiter, limit: options.recordLimit)
        if skipsDeclaration { _ = try records.next() }
        return records
    }

    private static func head(_ input: InputFile, _ encoding: TextEncoding, _ options: FileOptions) throws(FileError)
        -> DelimiterSniffer
    {
        var source = try TextSource(file: input, encoding: encoding)
        var head: [UInt8] = []
        let isMore = try source.append(to: &head)
        return DelimiterSniffer(head: head, isWhole: !isMore || source.offset >= input.size)
    }

    private static func header(
        _ input: InputFile,
        _ encoding: TextEncoding,
        _ delimiter: Delimiter,
        _ skipsDeclaration: Bool,
        _ options: FileOptions
    ) throws(FileError) -> (cells: [String], line: Int) {
        var records = try records(input, encoding, delimiter, skipsDeclaration, options)
        guard try records.next() else { throw .empty }
        let header = records.trimmedCells
        if let value = header.first(where: isSiret) { throw .noHeader(value: value) }
        return (header, records.line)
    }

    private static func isSiret(_ text: String) -> Bool {
        var value = FieldValue()
        Siret.check(Array(text.utf8).span, FileOptions(), &value)
        return value.bytes.count == 14 && value.issues.isEmpty
    }
}
