import Foundation

/// Reads JSON that may leave out any member of a type whose members all have defaults.
/// A member the type does not have is refused, so that a typing error in a fault file is not a silent no-op.
enum DefaultedJSON {
    /// - Parameter defaults: Encodes to an object that holds every member; what `given` lacks is taken from it.
    /// - Throws: ``SandboxError/badConfiguration(_:)`` naming the unknown member or the value that does not fit.
    static func decode<Value: Codable>(_ given: JSONValue, over defaults: Value) throws -> Value {
        guard let members = given.members else {
            throw SandboxError.badConfiguration("\(Value.self) wants a JSON object")
        }
        let encoded = try JSONEncoder().encode(defaults)
        var merged = try JSONDecoder().decode([String: JSONValue].self, from: encoded)
        for (name, value) in members {
            guard merged[name] != nil else {
                let known = merged.keys.sorted().joined(separator: ", ")
                throw SandboxError.badConfiguration("\(Value.self) has no member \"\(name)\"; it has: \(known)")
            }
            merged[name] = value
        }
        do {
            return try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(merged))
        } catch {
            throw SandboxError.badConfiguration("\(Value.self): \(error)")
        }
    }
}
