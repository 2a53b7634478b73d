import Foundation

/// JSON as this program prints it: keys in snake_case and in order, times as ISO 8601.
enum JSONText {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        return escapingUnseen(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

extension JSONText {
    /// Only strings can hold such characters, so the text says the same as before.
    private static func escapingUnseen(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: String.isUnseen) else { return text }
        return text.unicodeScalars.reduce(into: "") { json, scalar in
            if String.isUnseen(scalar) {
                json += "\\u" + String(String(0x10000 + scalar.value, radix: 16).dropFirst())
            } else {
                json.unicodeScalars.append(scalar)
            }
        }
    }
}

/// A JSON value of any form, for what others wrote: a job's arguments and result.
enum JSONValue: Codable, Sendable {
    case null, bool(Bool), integer(Int64), number(Double), string(String), array([JSONValue]), object(
        [String: JSONValue]
    )

    /// - Returns: the text itself as a string when it is not JSON.
    init(text: String) {
        self = (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .string(text)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
