import Foundation
import KeyVault

/// Clients and the keys that they have, as an operator brings them: lines of `uid;key`, or JSON.
struct KeyList {
    let keys: [(client: UUID, key: SecretBytes)]

    /// Reads lines of `uid;key` or `uid,key` with or without a header, or a JSON array of `{"uid": …, "key": …}`. Keys are
    /// base64 of 32 bytes.
    ///
    /// - Throws: ``Failure`` of status 65 that names the line or element, and never shows what stands there.
    init(_ data: Data) throws {
        let first = data.first { !" \t\r\n\u{FEFF}".utf8.contains($0) }
        let pairs = first == UInt8(ascii: "[") ? try Self.elements(data) : Self.lines(data)
        keys = try pairs.map { place, uid, key in
            guard uid.utf8.count == 36, let client = UUID(uuidString: uid) else {
                throw Failure(.badInput, "\(place): the first field is no client's uid; nothing was imported")
            }
            guard let bytes = Data(base64Encoded: key), bytes.count == 32 else {
                throw Failure(.badInput, "\(place): the key is not base64 of 32 bytes; nothing was imported")
            }
            return (client, SecretBytes(bytes))
        }
        guard !keys.isEmpty else { throw Failure(.badInput, "there is no key in it: write lines of uid;key") }
    }

    private typealias Pair = (place: String, uid: String, key: String)

    private static func lines(_ data: Data) -> [Pair] {
        let lines = String(decoding: data, as: UTF8.self).split(
            omittingEmptySubsequences: false,
            whereSeparator: \.isNewline
        )
        return lines.enumerated().compactMap { index, line in
            let fields = line.split(omittingEmptySubsequences: false) { $0 == ";" || $0 == "," }
                .map { $0.trimmingCharacters(in: [" ", "\t", "\"", "\u{FEFF}"]) }
            if fields == [""] || (index == 0 && fields[0].lowercased() == "uid") { return nil }
            return ("line \(index + 1)", fields[0], fields.count == 2 ? fields[1] : "")
        }
    }

    private struct Element: Decodable {
        let uid, key: String
    }

    private static func elements(_ data: Data) throws -> [Pair] {
        do {
            return try JSONDecoder().decode([Element].self, from: data).enumerated().map {
                ("element \($0 + 1)", $1.uid, $1.key)
            }
        } catch {
            // The decoder's own words may quote what stands there.
            throw Failure(.badInput, #"this is no JSON array of {"uid": …, "key": …}; nothing was imported"#)
        }
    }
}
