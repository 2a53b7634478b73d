/// What an update does to one member. JSON tells these apart: the member is absent, `null`, or has a value.
package enum Patch<Value: Sendable & Equatable>: Sendable, Equatable {
    /// Leaves the member as it is: it is not sent.
    case keep
    /// Empties the member: `null` is sent.
    case clear
    case set(Value)
}

extension KeyedEncodingContainer {
    mutating func encode<Value: Encodable>(_ patch: Patch<Value>, forKey key: Key) throws {
        switch patch {
        case .keep: break
        case .clear: try encodeNil(forKey: key)
        case .set(let value): try encode(value, forKey: key)
        }
    }
}
