import Foundation

/// Takes the secrets of a request out of texts that a server sent back.
///
/// Servers quote what they were sent, sometimes cut or escaped. So not only a whole secret is removed: every run of
/// text that shares ``window`` bytes with one is.
struct Scrubber: Sendable {
    /// Shorter pieces than this tell nothing, and would make every message unreadable.
    static let window = 8
    /// Texts are cut here before they are searched.
    static let longestText = 4096

    private let windows: Set<[UInt8]>
    private let shortSecrets: [[UInt8]]

    init(_ secrets: [Secret]) {
        let forms = secrets.flatMap { Self.forms(of: $0.reveal) }.filter { !$0.isEmpty }.map { Array($0.utf8) }
        windows = Set(
            forms.flatMap { form in
                form.count < Self.window
                    ? [] : (0...(form.count - Self.window)).map { Array(form[$0..<$0 + Self.window]) }
            }
        )
        shortSecrets = forms.filter { $0.count < Self.window }
    }

    /// How a secret may come back: as it is, as a JSON string with `\/`, or in a URL.
    private static func forms(of secret: String) -> [String] {
        let json = try? JSONEncoder().encode(secret)
        let escaped = json.map { String(decoding: $0.dropFirst().dropLast(), as: UTF8.self) }
        let percent = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
        return Array(Set([secret, escaped, percent].compactMap { $0 }))
    }

    /// - Parameter limit: The longest result in characters; a longer one ends with `…`.
    func clean(_ text: String, limit: Int = 500) -> String {
        let bytes = Array(text.utf8.prefix(Self.longestText))
        var result: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let end = endOfSecret(in: bytes, at: position)
            if end > position {
                result += Array("<redacted>".utf8)
                position = end
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        let clean = String(decoding: result, as: UTF8.self)
        return clean.count > limit ? clean.prefix(limit - 1) + "…" : clean
    }

    /// Where the secret that begins at `start` ends, or `start` when none does.
    private func endOfSecret(in bytes: [UInt8], at start: Int) -> Int {
        var end = start
        for secret in shortSecrets where bytes[start...].starts(with: secret) {
            end = max(end, start + secret.count)
        }
        // Windows overlap: as long as the next one lies in a secret too, the run goes on.
        var next = start
        while next + Self.window <= bytes.count, next <= end,
            windows.contains(Array(bytes[next..<next + Self.window]))
        {
            end = next + Self.window
            next += 1
        }
        return end
    }
}
