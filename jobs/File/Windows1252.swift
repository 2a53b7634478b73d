/// Windows-1252, byte by byte. It is Latin-1 but for 0x80...0x9F, five of which mean nothing. Nor does 0x00, in a text.
enum Windows1252 {
    /// Code points of 0x80...0x9F; 0 where there is none.
    private static let middle: [UInt16] = [
        0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
        0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
        0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
        0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
    ]

    static func isDefined(_ byte: UInt8) -> Bool { scalar(byte) != nil }

    /// The code point of `byte`; `nil` for the bytes that mean nothing.
    static func scalar(_ byte: UInt8) -> UInt32? {
        let point = (0x80...0x9F).contains(byte) ? middle[Int(byte) - 0x80] : UInt16(byte)
        return point == 0 ? nil : UInt32(point)
    }
}
