import Foundation
import HTTPTypes

/// A status and a body, not yet on the wire.
struct Answer: Sendable {
    enum Body: Sendable {
        case json(any Encodable & Sendable)
        /// JSON that is written already.
        case written(Data)
        case html(String)
    }

    var status: Int
    var body: Body
    var headers = HTTPFields()

    static func json(_ status: Int = 200, _ value: some Encodable & Sendable) -> Answer {
        Answer(status: status, body: .json(value))
    }

    static func html(_ status: Int, _ message: String) -> Answer {
        Answer(status: status, body: .html("<html><body><h1>\(status)</h1><p>\(message)</p></body></html>"))
    }

    var contentType: String {
        switch body {
        case .json, .written: "application/json"
        case .html: "text/html; charset=utf-8"
        }
    }

    /// The same JSON without members that are `null`, or with one more that nobody declared. HTML stays as it is.
    func reshaped(omitsNulls: Bool, addsMembers: Bool) throws -> Answer {
        try changed { $0.reshaped(omitsNulls: omitsNulls, addsMembers: addsMembers) }
    }

    /// The same page of a list with nothing on it.
    func withoutResults() throws -> Answer {
        try changed { json in
            guard var members = json.members, members["results"] != nil else { return json }
            members["results"] = []
            return .object(members)
        }
    }

    private func changed(_ change: (JSONValue) -> JSONValue) throws -> Answer {
        if case .html = body { return self }
        var copy = self
        copy.body = .json(change(try JSONDecoder().decode(JSONValue.self, from: encoded())))
        return copy
    }

    func encoded() throws -> Data {
        switch body {
        case .json(let value): try JSONEncoder().encode(value)
        case .written(let data): data
        case .html(let page): Data(page.utf8)
        }
    }
}

/// An answer that ends an operation early: nothing has changed.
struct Refusal: Error {
    let answer: Answer

    init(_ answer: Answer) { self.answer = answer }

    init(_ status: Int, _ message: String) {
        self.init(status, .A, code: "", message)
    }

    init(_ status: Int, _ shape: ErrorShape, code: String, _ message: String) {
        answer = shape.answer(status, code: code, message: message)
    }

    /// 422 with one entry a problem. What was sent is never repeated: it may hold secrets.
    init(problems: [Problem]) {
        answer = .json(422, JSONValue.object(["detail": .array(problems.map(\.json))]))
    }
}

/// One reason why a request is not valid.
struct Problem: Sendable {
    let location: [String]
    let message: String
    let type: String

    var json: JSONValue {
        ["loc": .array(location.map(JSONValue.string)), "msg": .string(message), "type": .string(type)]
    }
}
