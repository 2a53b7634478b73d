import Foundation
import HTTPTypes

/// One request to an operation, read off the wire.
struct Call: Sendable {
    let operation: SandboxOperation
    /// The path's `{uid}`, as sent.
    let uid: String?
    let query: [String: String]
    let headers: HTTPFields
    let body: Data
    /// Of a rotation: the last secret stays under the old key.
    var splitsRotation = false

    /// All that was sent, secrets included.
    var quoted: String {
        let fields = headers.map { "\($0.name): \($0.value)" }
        return (["You sent"] + fields + [String(decoding: body, as: UTF8.self)]).joined(separator: " ")
    }

    /// `application/json` or another `application/…+json`, with any parameters.
    var hasJSONType: Bool {
        let type = headers[.contentType]?.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased() ?? ""
        return type == "application/json" || type.hasPrefix("application/") && type.hasSuffix("+json")
    }
}
