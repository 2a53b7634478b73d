/// A statement whose values travel apart from its text.
///
/// Written as a string literal: `\(value)` becomes `$1`, `$2`, …, never text. `\(other)` of another `SQL` is spliced in
/// and its values are renumbered. `\(identifier: name)` is quoted as a name. `\(raw: text)` is trusted as it is: never
/// give it anything that came from outside.
///
/// A value has no type of its own on the wire, Postgres infers it from its place; write a cast (`\(x)::bigint`) where
/// the place does not tell.
package struct SQL: Sendable, CustomStringConvertible {
    /// The pieces of text between the values: always one more than `values`.
    private var pieces: [String]
    private(set) var values: [any PostgresEncodable]

    init(raw text: String) {
        pieces = [text]
        values = []
    }

    /// The text with `$n` in the place of each value, as the server sees it.
    var text: String {
        var text = pieces[0]
        for number in pieces.indices.dropFirst() {
            text += "$"
            text += String(number)
            text += pieces[number]
        }
        return text
    }

    /// The text without any value: fit for a log.
    package var description: String { text }
}

extension SQL: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) {
        self.init(raw: value)
    }

    package init(stringInterpolation: StringInterpolation) {
        self = stringInterpolation.sql
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sql = SQL(raw: "")

        package init(literalCapacity: Int, interpolationCount: Int) {
            sql.values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) {
            sql.append(literal)
        }

        /// A parameter.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
            sql.pieces.append("")
            sql.values.append(value)
        }

        /// A parameter that may be NULL.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            sql.pieces.append("")
            sql.values.append(value)
        }

        /// Another statement, or a part of one, with its values.
        package mutating func appendInterpolation(_ other: SQL) {
            sql.append(other.pieces[0])
            sql.pieces += other.pieces.dropFirst()
            sql.values += other.values
        }

        /// The name of a table, column or the like, in double quotes.
        package mutating func appendInterpolation(identifier name: String) {
            sql.append(SQL.quoted(name))
        }

        /// Trusted text, as it is.
        package mutating func appendInterpolation(raw text: String) {
            sql.append(text)
        }
    }

    static func quoted(_ name: String) -> String {
        "\"\(name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    }

    private mutating func append(_ text: String) {
        pieces[pieces.count - 1] += text
    }
}
