/// The error bodies seen from the real API and from what stands in front of it.
package enum ErrorShape: String, Codable, Sendable, CaseIterable {
    /// `detail` is text.
    case A
    /// `detail` is a list of problems: 422.
    case B
    /// `detail` is an object with `error` and `message`.
    case C
    /// `error` and `message`.
    case D
    /// `errorCode`, `errorMessage` and a list of `details`.
    case E
    /// `errorCode` and text `details`.
    case F
    /// `errorCode` and `errorMessage` inside `detail`.
    case G
    /// `message` alone.
    case H
    /// A proxy's HTML page.
    case I
    /// Field names to lists of text, as Django writes them.
    case J

    func answer(_ status: Int, code: String, message: String) -> Answer {
        let (code, text) = (JSONValue.string(code), JSONValue.string(message))
        let body: JSONValue =
            switch self {
            case .A: ["detail": text]
            case .B: ["detail": [["loc": ["body", "name"], "msg": text, "type": code]]]
            case .C: ["detail": ["error": code, "message": text]]
            case .D: ["error": code, "message": text]
            case .E:
                [
                    "errorCode": code, "errorMessage": text,
                    "details": [["level": "Error", "item": "name", "reason": text, "source": "system", "code": code]],
                ]
            case .F: ["errorCode": code, "details": text]
            case .G: ["detail": ["errorCode": code, "errorMessage": text, "details": nil]]
            case .H: ["message": text]
            case .I: nil
            case .J: ["name": [text]]
            }
        if self == .I { return .html(status, message) }
        return Answer(status: status, body: .json(body))
    }
}
