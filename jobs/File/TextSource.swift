/// The text of a file as UTF-8, in pieces, whatever its encoding. Every byte is checked on the way.
struct TextSource {
    private let file: InputFile
    private let encoding: TextEncoding
    private var raw: [UInt8]
    /// Where the next piece begins in the file.
    private(set) var offset: Int

    /// - Parameter chunk: How many bytes of the file are read at a time, at least 4.
    init(file: InputFile, encoding: TextEncoding, chunk: Int = 1 << 16) throws(FileError) {
        self.file = file
        self.encoding = encoding
        self.raw = [UInt8](repeating: 0, count: max(4, chunk))
        self.offset = 0
        if !encoding.mark.isEmpty {
            let count = try file.fill(&raw, at: 0)
            if raw[..<count].starts(with: encoding.mark) { offset = encoding.mark.count }
        }
    }

    /// The most bytes of UTF-8 that one call of ``append(to:)`` can add.
    var largestPiece: Int { raw.count * 3 }

    /// Adds the next piece of text to `buffer`.
    /// - Returns: `false` at the end of the file, when nothing was added.
    /// - Throws: `.wrongEncoding` at the first byte that is not in the encoding, or a read error.
    mutating func append(to buffer: inout [UInt8]) throws(FileError) -> Bool {
        let count = try file.fill(&raw, at: offset)
        if count == 0 {
            try file.checkUnchanged()
            return false
        }
        let isLast = count < raw.count
        let decoded: Decoded =
            switch encoding {
            case .utf8: decodeUTF8(count, isLast: isLast, to: &buffer)
            case .windows1252: decodeWindows1252(count, to: &buffer)
            case .utf16LittleEndian, .utf16BigEndian: decodeUTF16(count, isLast: isLast, to: &buffer)
            }
        switch decoded {
        case .read(let length): offset += length
        case .bad(let index): throw .wrongEncoding(encoding, line: try file.line(at: offset + index))
        }
        return true
    }

    private enum Decoded {
        /// So many bytes were taken; the rest is the beginning of a character.
        case read(Int)
        case bad(at: Int)
    }

    private func decodeUTF8(_ count: Int, isLast: Bool, to buffer: inout [UInt8]) -> Decoded {
        raw.withUnsafeBytes { bytes in
            var multibyte = 0
            let good: Int
            switch UTF8Scan.scan(bytes, from: 0, to: count, multibyte: &multibyte) {
            case .end: good = count
            case .incomplete(let at):
                if isLast { return .bad(at: at) }
                good = at
            case .invalid(let at): return .bad(at: at)
            }
            buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<good]))
            return .read(good)
        }
    }

    private func decodeWindows1252(_ count: Int, to buffer: inout [UInt8]) -> Decoded {
        raw.withUnsafeBytes { bytes in
            var index = 0
            while index < count {
                let next = UTF8Scan.skipASCII(bytes, from: index, to: count)
                buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[index..<next]))
                index = next
                if index == count { break }
                guard let point = Windows1252.scalar(bytes[index]) else { return .bad(at: index) }
                Self.append(point, to: &buffer)
                index += 1
            }
            return .read(count)
        }
    }

    private func decodeUTF16(_ count: Int, isLast: Bool, to buffer: inout [UInt8]) -> Decoded {
        var index = 0
        while index + 1 < count {
            let unit = unit(at: index)
            switch unit {
            case 0xD800...0xDBFF:
                guard index + 3 < count else { return isLast ? .bad(at: index) : .read(index) }
                let low = self.unit(at: index + 2)
                guard (0xDC00...0xDFFF).contains(low) else { return .bad(at: index) }
                Self.append(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00), to: &buffer)
                index += 4
            case 0, 0xDC00...0xDFFF: return .bad(at: index)
            default:
                Self.append(unit, to: &buffer)
                index += 2
            }
        }
        if index < count, isLast { return .bad(at: index) }
        return .read(index)
    }

    private func unit(at index: Int) -> UInt32 {
        let (first, second) = (UInt32(raw[index]), UInt32(raw[index + 1]))
        return encoding == .utf16LittleEndian ? second << 8 | first : first << 8 | second
    }

    private static func append(_ point: UInt32, to buffer: inout [UInt8]) {
        switch point {
        case ..<0x80: buffer.append(UInt8(point))
        case ..<0x800:
            buffer.append(UInt8(0xC0 | point >> 6))
            buffer.append(UInt8(0x80 | point & 0x3F))
        case ..<0x10000:
            buffer.append(UInt8(0xE0 | point >> 12))
            buffer.append(UInt8(0x80 | point >> 6 & 0x3F))
            buffer.append(UInt8(0x80 | point & 0x3F))
        default:
            buffer.append(UInt8(0xF0 | point >> 18))
            buffer.append(UInt8(0x80 | point >> 12 & 0x3F))
            buffer.append(UInt8(0x80 | point >> 6 & 0x3F))
            buffer.append(UInt8(0x80 | point & 0x3F))
        }
    }
}
