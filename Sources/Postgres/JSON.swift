import Foundation

/// A Codable value as `jsonb`. Dates inside are ISO 8601 texts, to the second.
package struct JSON<Value: Sendable>: Sendable {
    package var value: Value

    package init(_ value: Value) {
        self.value = value
    }
}

extension JSON: PostgresEncodable where Value: Encodable {
    package var postgresText: String? {
        get throws {
            let encoder = JSONEncoder()
            encoder.dateEncodingStrategy = .iso8601
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        }
    }
}

extension JSON: PostgresDecodable where Value: Decodable {
    package init?(postgresText text: String) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        // The caller's error names the column and the type; the decoder's own would quote the value.
        guard let value = try? decoder.decode(Value.self, from: Data(text.utf8)) else { return nil }
        self.init(value)
    }
}

extension JSON: Equatable where Value: Equatable {}
