/// A statement ready to be sent: its text and its values as libpq wants them.
struct Statement: Sendable {
    let text: String
    let parameterCount: Int
    /// Every value's text, each ended by a zero byte.
    private var bytes: [CChar] = []
    /// Where each value begins in `bytes`; `nil` for NULL.
    private var offsets: [Int?] = []

    /// - Throws: ``PostgresError`` of kind `.encoding` when a value cannot be written, holds a zero character, or there
    ///   are more than 65,535 of them.
    init(_ sql: SQL) throws(PostgresError) {
        text = sql.text
        parameterCount = sql.values.count
        guard parameterCount <= 65_535 else {
            throw PostgresError(.encoding, "\(parameterCount) values in one statement, the limit is 65535: use arrays")
        }
        guard !text.utf8.contains(0) else {
            throw PostgresError(.encoding, "the statement's text holds a zero character")
        }
        for (index, value) in sql.values.enumerated() {
            try append(value, number: index + 1)
        }
    }

    private mutating func append(_ value: any PostgresEncodable, number: Int) throws(PostgresError) {
        let text: String?
        do {
            text = try value.postgresText
        } catch {
            // The encoder's own words may quote the value.
            throw PostgresError(.encoding, "value $\(number), a \(type(of: value)), cannot be encoded")
        }
        guard let text else { return offsets.append(nil) }
        guard !text.utf8.contains(0) else {
            throw PostgresError(.encoding, "value $\(number) holds a zero character, which PostgreSQL cannot store")
        }
        offsets.append(bytes.count)
        bytes.append(contentsOf: text.utf8.lazy.map { CChar(bitPattern: $0) })
        bytes.append(0)
    }

    /// The values as libpq's array of C strings, valid during the call.
    func withParameters<R>(_ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> R) -> R {
        guard parameterCount > 0 else { return body(nil) }
        return bytes.withUnsafeBufferPointer { buffer in
            let pointers = offsets.map { offset in offset.flatMap { buffer.baseAddress?.advanced(by: $0) } }
            return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
        }
    }
}
