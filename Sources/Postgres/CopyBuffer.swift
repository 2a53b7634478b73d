import Synchronization

/// Rows in COPY's text format, on their way to the server.
final class CopyBuffer: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    /// Adds a row.
    ///
    /// - Returns: All that has gathered, when it is at least `size` bytes; the buffer is empty then.
    func add(_ values: [any PostgresEncodable], orTake size: Int) throws(PostgresError) -> [UInt8]? {
        var texts: [String?] = []
        for (index, value) in values.enumerated() {
            texts.append(try Self.text(of: value, number: index + 1))
        }
        return bytes.withLock { bytes in
            for (index, text) in texts.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: "\t")) }
                Self.write(text, &bytes)
            }
            bytes.append(UInt8(ascii: "\n"))
            return bytes.count >= size ? Self.take(&bytes) : nil
        }
    }

    func takeAll() -> [UInt8] {
        bytes.withLock { Self.take(&$0) }
    }

    private static func take(_ bytes: inout [UInt8]) -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    private static func text(of value: any PostgresEncodable, number: Int) throws(PostgresError) -> String? {
        let text: String?
        do {
            text = try value.postgresText
        } catch {
            throw PostgresError(.encoding, "value \(number) of a row, a \(type(of: value)), cannot be encoded")
        }
        guard text?.utf8.contains(0) != true else {
            let message = "value \(number) of a row holds a zero character, which PostgreSQL cannot store"
            throw PostgresError(.encoding, message)
        }
        return text
    }

    private static func write(_ text: String?, _ bytes: inout [UInt8]) {
        guard let text else { return bytes += "\\N".utf8 }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case UInt8(ascii: "\t"): bytes += "\\t".utf8
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\r"): bytes += "\\r".utf8
            default: bytes.append(byte)
            }
        }
    }
}
