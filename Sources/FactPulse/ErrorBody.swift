import Foundation

/// What a server says about one field of a request.
package struct FieldError: Sendable, Hashable {
    /// The last part of its place, such as `siret`; empty when the server did not say.
    package let field: String
    package let message: String

    fileprivate var sentence: String { field.isEmpty ? message : "\(field): \(message)" }
}

/// Reads the error bodies of FactPulse. There are ten shapes of them: FastAPI, Django, a gateway's HTML and more.
///
/// Only the words are kept. `input` and `ctx` of a validation error quote the whole request, secrets included, and are
/// never looked at.
struct ErrorBody: Equatable {
    private(set) var code: String?
    private(set) var message: String?
    private(set) var fields: [FieldError] = []

    static let mostFields = 20

    init(_ body: Data, scrubber: Scrubber) {
        guard let object = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] else {
            message = Self.plainText(body, scrubber)
            return
        }
        let detail = object["detail"]
        let nested = detail as? [String: Any] ?? [:]
        fields = Self.fields(of: object, scrubber)
        let joined = fields.isEmpty ? nil : fields.map(\.sentence).joined(separator: "; ")
        let words =
            Self.first(["errorMessage", "error_message"], in: object)
            ?? detail as? String
            ?? Self.first(["message", "errorMessage", "error_message", "error"], in: nested)
            ?? joined
            ?? Self.first(["message", "error", "details"], in: object)
        message = words.map { scrubber.clean($0) }
        let name =
            Self.first(["errorCode", "error_code"], in: object)
            ?? Self.first(["error", "errorCode", "error_code", "code"], in: nested)
            ?? Self.first(["error", "code"], in: object)
        code = name.map { scrubber.clean($0, limit: 64) }
    }

    private static func first(_ names: [String], in object: [String: Any]) -> String? {
        names.lazy.compactMap { object[$0] as? String }.first { !$0.isEmpty }
    }

    /// `detail: [{loc, msg}]` of FastAPI, or `{field: [text]}` of Django.
    private static func fields(of object: [String: Any], _ scrubber: Scrubber) -> [FieldError] {
        if let items = object["detail"] as? [Any] {
            return items.prefix(mostFields).compactMap { item in
                guard let item = item as? [String: Any] else {
                    return (item as? String).map { FieldError(field: "", message: scrubber.clean($0)) }
                }
                let place = (item["loc"] as? [Any])?.last.map { "\($0)" } ?? ""
                let words = item["msg"] as? String ?? "refused"
                return FieldError(field: scrubber.clean(place, limit: 64), message: scrubber.clean(words))
            }
        }
        let named = object.filter { $0.key != "details" }.compactMap { key, value -> FieldError? in
            guard let texts = value as? [String], !texts.isEmpty else { return nil }
            return FieldError(
                field: scrubber.clean(key, limit: 64),
                message: scrubber.clean(texts.joined(separator: " "))
            )
        }
        return Array(named.sorted { $0.field < $1.field }.prefix(mostFields))
    }

    /// A short text is worth showing; a gateway's HTML page is not.
    private static func plainText(_ body: Data, _ scrubber: Scrubber) -> String? {
        let text = String(decoding: body.prefix(Scrubber.longestText), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard let first = text.first, first != "<", first != "{", first != "[" else { return nil }
        return scrubber.clean(text, limit: 200)
    }
}
