import Foundation
import HTTPTypes

/// Reads a JSON object member by member and collects everything wrong with it, as the real API's 422 does.
struct BodyReader {
    private let members: [String: JSONValue]
    private(set) var problems: [Problem] = []

    /// - Throws: ``Refusal`` 422 when the body is not a JSON object.
    init(_ call: Call) throws {
        guard let json = try? JSONDecoder().decode(JSONValue.self, from: call.body) else {
            throw Refusal(problems: [Problem(location: ["body"], message: "JSON decode error", type: "json_invalid")])
        }
        // FastAPI takes a body without a content type for JSON, and one of another type for bytes.
        guard call.headers[.contentType] == nil || call.hasJSONType, let members = json.members else {
            let message = "Input should be a valid dictionary or object to extract fields from"
            throw Refusal(problems: [Problem(location: ["body"], message: message, type: "model_attributes_type")])
        }
        self.members = members
    }

    /// - Throws: ``Refusal`` 422 with every problem met so far.
    func finish() throws {
        if !problems.isEmpty { throw Refusal(problems: problems) }
    }

    /// Whether the member is there, `null` or not.
    func has(_ name: String) -> Bool { members[name] != nil }

    mutating func requiredText(_ name: String, length: ClosedRange<Int> = 0...Int.max) -> String {
        guard let value = members[name] else {
            report(name, "Field required", "missing")
            return ""
        }
        return text(name, value, length) ?? ""
    }

    /// - Returns: `nil` when absent or `null`.
    mutating func optionalText(_ name: String, length: ClosedRange<Int> = 0...Int.max) -> String? {
        guard let value = members[name], value != .null else { return nil }
        return text(name, value, length)
    }

    mutating func flag(_ name: String, default fallback: Bool) -> Bool {
        guard let value = members[name] else { return fallback }
        if let flag = value.flag { return flag }
        report(name, "Input should be a valid boolean", "bool_type")
        return fallback
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, default fallback: Choice)
        -> Choice
    {
        guard let value = members[name], value != .null else { return fallback }
        if let choice = value.text.flatMap(Choice.init(rawValue:)) { return choice }
        let known = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
        report(name, "Input should be \(known)", "literal_error")
        return fallback
    }

    /// Fourteen digits of any script, as the server's regular expression takes them; with `luhn` the checksum too.
    mutating func siret(luhn: Bool) -> String? {
        guard let siret = optionalText("siret") else { return nil }
        let scalars = siret.unicodeScalars
        if scalars.count != 14 || scalars.contains(where: { $0.properties.generalCategory != .decimalNumber }) {
            report("siret", "String should match pattern '^\\d{14}$'", "string_pattern_mismatch")
        } else if luhn, !Self.satisfiesLuhn(siret) {
            report("siret", "Value error, SIRET checksum is wrong", "value_error")
        }
        return siret
    }

    mutating func report(_ name: String, _ message: String, _ type: String) {
        problems.append(Problem(location: ["body", name], message: message, type: type))
    }

    private mutating func text(_ name: String, _ value: JSONValue, _ length: ClosedRange<Int>) -> String? {
        guard let text = value.text else {
            report(name, "Input should be a valid string", "string_type")
            return nil
        }
        let count = text.unicodeScalars.count
        if count < length.lowerBound {
            let unit = length.lowerBound == 1 ? "character" : "characters"
            report(name, "String should have at least \(length.lowerBound) \(unit)", "string_too_short")
        } else if count > length.upperBound {
            report(name, "String should have at most \(length.upperBound) characters", "string_too_long")
        }
        return text
    }

    private static func satisfiesLuhn(_ digits: String) -> Bool {
        let sum = digits.reversed().enumerated().reduce(0) { sum, entry in
            let digit = entry.element.wholeNumberValue ?? 0
            guard !entry.offset.isMultiple(of: 2) else { return sum + digit }
            return sum + (digit > 4 ? digit * 2 - 9 : digit * 2)
        }
        return sum.isMultiple(of: 10)
    }
}
