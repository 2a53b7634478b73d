import Foundation

/// The part of the configuration that can change while the sandbox runs: a fault file, or the body of
/// `PUT /__sandbox/faults`.
package struct FaultSettings: Codable, Sendable, Hashable {
    package var options = SandboxOptions()
    package var faults: [FaultRule] = []
    package var seed: UInt64 = 1

    /// Members the object does not name stay; `options` is laid over the present ones.
    /// - Throws: ``SandboxError/badConfiguration(_:)``; nothing has then changed.
    mutating func apply(json: Data) throws {
        let given: JSONValue
        do {
            given = try JSONDecoder().decode(JSONValue.self, from: json)
        } catch {
            throw SandboxError.badConfiguration("it is not JSON: \(error)")
        }
        var changed = self
        for (name, value) in given.members ?? ["(not an object)": .null] {
            switch name {
            case "options": changed.options = try DefaultedJSON.decode(value, over: options)
            case "faults":
                guard let rules = value.items else { throw SandboxError.badConfiguration("\"faults\" must be a list") }
                changed.faults = try rules.map(Self.rule)
            case "seed":
                guard let seed = value.whole.flatMap(UInt64.init(exactly:)) else {
                    throw SandboxError.badConfiguration("\"seed\" must be a whole number, 0 or more")
                }
                changed.seed = seed
            default: throw SandboxError.badConfiguration("\"\(name)\" is none of options, faults, seed")
            }
        }
        self = changed
    }

    private static func rule(_ json: JSONValue) throws -> FaultRule {
        guard let kind = json["kind"]?.text.flatMap(FaultRule.Kind.init) else {
            let known = FaultRule.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw SandboxError.badConfiguration("a fault needs a \"kind\", one of \(known)")
        }
        let rule = try DefaultedJSON.decode(json, over: FaultRule(kind))
        try rule.validate()
        return rule
    }
}
