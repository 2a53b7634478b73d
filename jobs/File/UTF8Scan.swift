/// Strict UTF-8 over bytes that come in pieces: no overlong forms, no surrogates, nothing above U+10FFFF. Nor U+0000:
/// no text has it, and PostgreSQL cannot store it.
enum UTF8Scan {
    /// Where a scan stopped.
    enum Stop: Equatable {
        case end
        /// The bytes from here could begin a character whose rest is still to come.
        case incomplete(at: Int)
        case invalid(at: Int)
    }

    /// Reads `bytes[start..<end]` up to the first byte that is not UTF-8.
    /// - Parameter multibyte: Grows by the number of whole characters beyond ASCII.
    static func scan(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int, multibyte: inout Int) -> Stop {
        var index = start
        while index < end {
            index = skipASCII(bytes, from: index, to: end)
            if index == end { break }
            let length = sequenceLength(bytes[index])
            guard length > 0 else { return .invalid(at: index) }
            for place in 1..<length {
                if index + place == end { return .incomplete(at: index) }
                let allowed = place == 1 ? secondByte(after: bytes[index]) : 0x80...0xBF
                guard allowed.contains(bytes[index + place]) else { return .invalid(at: index) }
            }
            multibyte += 1
            index += length
        }
        return .end
    }

    /// The first index from `start` whose byte is not an ASCII character of a text, 0x01...0x7F. Eight bytes a step.
    static func skipASCII(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        var index = start
        while index + 8 <= end {
            let eight = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // Less 1, a zero byte has its high bit too.
            guard (eight | (eight &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0 else { break }
            index += 8
        }
        while index < end, (0x01...0x7F).contains(bytes[index]) { index += 1 }
        return index
    }

    /// How many bytes a character beyond ASCII has; 0 when no character begins with `lead`.
    private static func sequenceLength(_ lead: UInt8) -> Int {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }

    /// Table 3-7 of the Unicode standard: what rules out overlong forms, surrogates and numbers too high.
    private static func secondByte(after lead: UInt8) -> ClosedRange<UInt8> {
        switch lead {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
    }
}
