/// Looks for the header that a person meant, where the first line is none: below a title, or under another delimiter.
struct HeaderSearch {
    /// So many records are looked at.
    private static let depth = 10

    let schema: RowSchema
    let options: FileOptions
    /// Reads the file from its first line.
    let records: (Delimiter) throws(FileError) -> RecordReader

    /// Turns the error that the first line made into one that says where the header is.
    /// - Parameters:
    ///   - line: That of the record which was taken for the header.
    ///   - delimiter: The one under which it was read.
    /// - Returns: `error` itself where no header is found.
    func explain(_ error: FileError, line: Int, _ delimiter: Delimiter, first: String) -> FileError {
        switch error {
        case .missingColumn, .missingColumns, .oneColumn: break
        default: return error
        }
        if first.lowercased().hasPrefix("sep=") { return .badDeclaration(first) }
        // What was taken comes last: a title above hides what the cells below it are separated by.
        let others = Delimiter.candidates.filter { $0 != delimiter }
        for candidate in [delimiter] + others {
            guard let found = find(candidate) else { continue }
            return found > line
                ? .headerBelow(line: found, first: first) : .wrongDelimiter(delimiter, better: candidate)
        }
        return error
    }

    /// The line of the first record that would do as the header.
    private func find(_ delimiter: Delimiter) -> Int? {
        do {
            var records = try self.records(delimiter)
            for _ in 0..<Self.depth {
                guard try records.next() else { return nil }
                let header = records.trimmedCells
                if header.count > 1, fits(header) { return records.line }
            }
        } catch {
            // What is wrong further down is no concern of the header.
        }
        return nil
    }

    private func fits(_ header: [String]) -> Bool {
        do throws(FileError) {
            _ = try ColumnMapping(header: header, schema: schema, options: options)
            return true
        } catch {
            return false
        }
    }
}

extension RecordReader {
    /// The cells of the current record without the white space around them.
    var trimmedCells: [String] {
        cells.indices.map { index in
            var trimmed: [UInt8] = []
            CellText.trim(text.span.extracting(content(index)), into: &trimmed)
            return String(decoding: trimmed, as: UTF8.self)
        }
    }
}
