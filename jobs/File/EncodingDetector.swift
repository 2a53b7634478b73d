#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Finds out how a file is encoded: by its mark, else by all of its bytes.
///
/// All of them, because one Windows-1252 letter may stand in the last row of a file that was plain ASCII so far. The
/// pass runs at the speed of memory and stops early at a line that no reader would accept.
struct EncodingDetector {
    let file: InputFile
    /// A stretch without any line end that is longer than this stops the pass.
    let recordLimit: Int

    /// - Parameter given: What the file's owner says it is. It is believed, unless the file is no text at all.
    /// - Throws: `.empty`, `.binary`, `.unknownEncoding`, `.mixedEncodings`, `.recordTooLong` or a read error.
    func detect(given: TextEncoding?) throws(FileError) -> TextEncoding {
        var head = [UInt8](repeating: 0, count: 8)
        let count = try file.fill(&head, at: 0)
        head.removeSubrange(count...)
        if count == 0 { throw .empty }
        if let kind = Self.binaryKind(head) { throw .binary(kind) }
        if let given { return given }
        let marked: [TextEncoding] = [.utf8, .utf16LittleEndian, .utf16BigEndian]
        if let encoding = marked.first(where: { head.starts(with: $0.mark) }) { return encoding }
        return try judge(survey())
    }

    private static func binaryKind(_ head: [UInt8]) -> FileError.BinaryKind? {
        if head.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return .workbook }  // xlsx, ods: a zip
        if head.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) { return .workbook }  // xls
        if head.starts(with: Array("%PDF-".utf8)) { return .pdf }
        if head.starts(with: [0x1F, 0x8B]) || head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .compressed }
        return nil
    }

    /// What one pass over the bytes saw. Offsets are from the start of the file.
    private struct Survey {
        var multibyte = 0
        var invalid = 0
        var firstInvalid: Int?
        var firstUndefined: Int?
        var lastLineEnd = 0
    }

    private func judge(_ survey: Survey) throws(FileError) -> TextEncoding {
        guard let firstInvalid = survey.firstInvalid else { return .utf8 }
        // In Windows-1252 text, two letters that look like one UTF-8 character ("Ã©") hardly ever meet.
        if survey.multibyte > survey.invalid { throw .mixedEncodings(line: try file.line(at: firstInvalid)) }
        if let undefined = survey.firstUndefined { throw .unknownEncoding(line: try file.line(at: undefined)) }
        return .windows1252
    }

    private func survey() throws(FileError) -> Survey {
        var survey = Survey()
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var offset = 0
        while true {
            let count = try file.fill(&chunk, at: offset)
            let isLast = count < chunk.count
            let hasZero = chunk.withUnsafeBytes { Self.first(0, in: $0, count) != nil }
            if hasZero { throw .binary(.unknown) }
            let lineEnds = chunk.withUnsafeBytes { Self.lineEnds(in: $0, count) }
            if offset + (lineEnds?.first ?? count) - survey.lastLineEnd > recordLimit {
                throw .recordTooLong(line: try file.line(at: survey.lastLineEnd + 1), limit: recordLimit)
            }
            if let lineEnds { survey.lastLineEnd = offset + lineEnds.last }
            offset += chunk.withUnsafeBytes { Self.read($0, count, at: offset, isLast: isLast, into: &survey) }
            if isLast { return survey }
        }
    }

    /// Judges `bytes[..<count]`.
    /// - Returns: How many were judged: all, but for a character that the chunk's end cuts in two.
    private static func read(
        _ bytes: UnsafeRawBufferPointer,
        _ count: Int,
        at offset: Int,
        isLast: Bool,
        into survey: inout Survey
    ) -> Int {
        var index = 0
        while true {
            let bad: Int
            switch UTF8Scan.scan(bytes, from: index, to: count, multibyte: &survey.multibyte) {
            case .end: return count
            case .incomplete(let at):
                guard isLast else { return at }
                bad = at
            case .invalid(let at): bad = at
            }
            survey.invalid += 1
            if survey.firstInvalid == nil { survey.firstInvalid = offset + bad }
            if survey.firstUndefined == nil, !Windows1252.isDefined(bytes[bad]) { survey.firstUndefined = offset + bad }
            index = bad + 1
        }
    }

    private static func first(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, _ count: Int) -> Int? {
        guard let base = bytes.baseAddress, let found = memchr(base, Int32(byte), count) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    private static func lineEnds(in bytes: UnsafeRawBufferPointer, _ count: Int) -> (first: Int, last: Int)? {
        for end in [UInt8(ascii: "\n"), UInt8(ascii: "\r")] {
            guard let first = first(end, in: bytes, count) else { continue }
            return (first, bytes[..<count].lastIndex(of: end) ?? first)
        }
        return nil
    }
}
