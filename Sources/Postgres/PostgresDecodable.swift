import Foundation

/// A value that can be read from Postgres' text format.
///
/// An enum or struct with a `rawValue` that is itself decodable needs only to name this protocol.
package protocol PostgresDecodable: Sendable {
    /// `nil` when the text is not one of this type's.
    init?(postgresText text: String)

    /// What NULL becomes. `nil`, the default: NULL is refused.
    static var postgresNull: Self? { get }

    /// An array of these. A default reads `{…}`; bytes are `bytea` instead.
    static func array(postgresText text: String) -> [Self]?
}

extension PostgresDecodable {
    package static var postgresNull: Self? { nil }

    package static func array(postgresText text: String) -> [Self]? {
        guard let elements = ArrayText.read(text) else { return nil }
        var values: [Self] = []
        values.reserveCapacity(elements.count)
        for element in elements {
            guard let value = element.map({ Self(postgresText: $0) }) ?? postgresNull else { return nil }
            values.append(value)
        }
        return values
    }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    package init?(postgresText text: String) {
        guard let raw = RawValue(postgresText: text) else { return nil }
        self.init(rawValue: raw)
    }
}

extension String: PostgresDecodable {
    package init?(postgresText text: String) { self = text }
}

extension Bool: PostgresDecodable {
    package init?(postgresText text: String) {
        switch text {
        case "t": self = true
        case "f": self = false
        default: return nil
        }
    }
}

extension FixedWidthInteger where Self: PostgresDecodable {
    package init?(postgresText text: String) { self.init(text) }
}

extension Int: PostgresDecodable {}
extension Int16: PostgresDecodable {}
extension Int32: PostgresDecodable {}
extension Int64: PostgresDecodable {}
extension UInt32: PostgresDecodable {}

extension UInt8: PostgresDecodable {
    /// `[UInt8]` is `bytea`.
    package static func array(postgresText text: String) -> [UInt8]? {
        HexText.read(text)
    }
}

extension Double: PostgresDecodable {
    package init?(postgresText text: String) { self.init(text) }
}

extension UUID: PostgresDecodable {
    package init?(postgresText text: String) { self.init(uuidString: text) }
}

/// A `timestamptz`, whatever the session's time zone, or a `timestamp` taken as UTC. `infinity` and years before 1 are
/// refused.
extension Date: PostgresDecodable {
    package init?(postgresText text: String) {
        guard let date = TimestampText.read(text) else { return nil }
        self = date
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package init?(postgresText text: String) {
        guard let value = Wrapped(postgresText: text) else { return nil }
        self = .some(value)
    }

    package static var postgresNull: Self? { .some(.none) }
}

/// A one-dimensional array; `[UInt8]` is `bytea`.
extension Array: PostgresDecodable where Element: PostgresDecodable {
    package init?(postgresText text: String) {
        guard let elements = Element.array(postgresText: text) else { return nil }
        self = elements
    }
}
