import Foundation

/// A value that can be a parameter, in Postgres' text format.
///
/// An enum or struct with a `rawValue` that is itself encodable needs only to name this protocol.
package protocol PostgresEncodable: Sendable {
    /// What `$n` carries; `nil` is NULL.
    var postgresText: String? { get throws }

    /// The text of an array of these. A default writes `{…}`; bytes are `bytea` instead.
    static func postgresText(ofArray elements: [Self]) throws -> String
}

extension PostgresEncodable {
    package static func postgresText(ofArray elements: [Self]) throws -> String {
        try ArrayText.write(elements.map { try $0.postgresText })
    }
}

extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    package var postgresText: String? {
        get throws { try rawValue.postgresText }
    }
}

extension String: PostgresEncodable {
    package var postgresText: String? { self }
}

extension Bool: PostgresEncodable {
    package var postgresText: String? { self ? "t" : "f" }
}

extension FixedWidthInteger where Self: PostgresEncodable {
    package var postgresText: String? { String(self) }
}

extension Int: PostgresEncodable {}
extension Int16: PostgresEncodable {}
extension Int32: PostgresEncodable {}
extension Int64: PostgresEncodable {}
extension UInt32: PostgresEncodable {}

extension UInt8: PostgresEncodable {
    /// `[UInt8]` is `bytea`.
    package static func postgresText(ofArray elements: [UInt8]) -> String {
        HexText.write(elements)
    }
}

extension Double: PostgresEncodable {
    package var postgresText: String? {
        isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : isNaN ? "NaN" : description
    }
}

extension UUID: PostgresEncodable {
    package var postgresText: String? { uuidString }
}

/// A `timestamptz`, to the microsecond.
extension Date: PostgresEncodable {
    package var postgresText: String? { TimestampText.write(self) }
}

/// An `interval` of seconds, to the microsecond.
extension Duration: PostgresEncodable {
    package var postgresText: String? {
        let (seconds, attoseconds) = components
        let microseconds = Int64((Double(attoseconds) / 1e12).rounded())
        return "\(seconds) seconds \(microseconds) microseconds"
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package var postgresText: String? {
        get throws { try self?.postgresText }
    }
}

/// A one-dimensional array; `[UInt8]` is `bytea`.
extension Array: PostgresEncodable where Element: PostgresEncodable {
    package var postgresText: String? {
        get throws { try Element.postgresText(ofArray: self) }
    }
}
