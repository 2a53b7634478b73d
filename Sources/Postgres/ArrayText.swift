/// The text format of one-dimensional arrays: `{1,"two \"2\"",NULL}`.
enum ArrayText {
    static func write(_ elements: [String?]) -> String {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            guard let element else {
                text += "NULL".utf8
                continue
            }
            text.append(UInt8(ascii: "\""))
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
                text.append(byte)
            }
            text.append(UInt8(ascii: "\""))
        }
        text.append(UInt8(ascii: "}"))
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: `nil` when the text is not a one-dimensional array.
    static func read(_ text: String) -> [String?]? {
        var bytes = Array(text.utf8)[...]
        guard bytes.popFirst() == UInt8(ascii: "{"), bytes.popLast() == UInt8(ascii: "}") else { return nil }
        guard !bytes.isEmpty else { return [] }
        var elements: [String?] = []
        while true {
            guard let element = readElement(&bytes) else { return nil }
            elements.append(element)
            guard let separator = bytes.popFirst() else { return elements }
            guard separator == UInt8(ascii: ",") else { return nil }
        }
    }

    /// - Returns: `nil` when there is no element; `.some(nil)` for NULL.
    private static func readElement(_ bytes: inout ArraySlice<UInt8>) -> String?? {
        guard bytes.first == UInt8(ascii: "\"") else {
            let word = bytes.prefix { $0 != UInt8(ascii: ",") }
            guard !word.isEmpty, word.first != UInt8(ascii: "{") else { return nil }
            bytes = bytes[word.endIndex...]
            let text = String(decoding: word, as: UTF8.self)
            return .some(text == "NULL" ? nil : text)
        }
        bytes.removeFirst()
        var element: [UInt8] = []
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return .some(String(decoding: element, as: UTF8.self))
            case UInt8(ascii: "\\"):
                guard let escaped = bytes.popFirst() else { return nil }
                element.append(escaped)
            default: element.append(byte)
            }
        }
        return nil
    }
}
