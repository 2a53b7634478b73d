import Foundation

/// Takes the secrets of a request out of texts that a server sent back.
///
/// Servers quote what they were sent, sometimes cut or escaped. So not only a whole secret is removed: every run of
/// text that shares ``window`` bytes with one is. Control characters go too, which could forge lines of a log.
struct Scrubber: Sendable {
    /// Shorter pieces than this tell nothing, and would make every message unreadable. Eight bytes make one `UInt64`.
    static let window = 8
    /// Texts are cut here before they are searched.
    static let longestText = 4096

    private let windows: Set<UInt64>
    private let shortSecrets: [[UInt8]]

    init(_ secrets: [Secret]) {
        let forms = Set(secrets.flatMap { Self.forms(of: $0.reveal) }).map { Array($0.utf8) }
        windows = Set(forms.flatMap(Self.words))
        shortSecrets = forms.filter { !$0.isEmpty && $0.count < Self.window }
    }

    /// How a secret may come back: as it is, as a JSON string with `\/`, as URL-safe base64, or in a URL, where servers
    /// differ in what they leave alone.
    private static func forms(of secret: String) -> [String] {
        let json = try? JSONEncoder().encode(secret)
        let escaped = json.map { String(decoding: $0.dropFirst().dropLast(), as: UTF8.self) }
        let urlSafe = secret.replacing("+", with: "-").replacing("/", with: "_")
        let percent = ["", "-._~", "-._~/"].compactMap {
            secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: $0)))
        }
        let lowerCase = percent.map { $0.replacing(/%[0-9A-F]{2}/) { $0.output.lowercased() } }
        return [secret, escaped, urlSafe].compactMap { $0 } + percent + lowerCase
    }

    /// Every run of ``window`` bytes, each as one number.
    private static func words(_ bytes: [UInt8]) -> [UInt64] {
        var word: UInt64 = 0
        return bytes.enumerated().compactMap { position, byte in
            word = word << 8 | UInt64(byte)
            return position >= window - 1 ? word : nil
        }
    }

    /// - Parameter limit: The longest result in characters; a longer one ends with `…`.
    func clean(_ text: String, limit: Int = 500) -> String {
        let bytes = Array(text.utf8.prefix(Self.longestText))
        let words = Self.words(bytes)
        var result: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let end = endOfSecret(in: bytes, words, at: position)
            if end > position {
                result += Array("<redacted>".utf8)
                position = end
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        let clean = Self.withoutControls(String(decoding: result, as: UTF8.self))
        return clean.count > limit ? clean.prefix(limit - 1) + "…" : clean
    }

    /// Where the secret that begins at `start` ends, or `start` when none does.
    private func endOfSecret(in bytes: [UInt8], _ words: [UInt64], at start: Int) -> Int {
        var end = start
        for secret in shortSecrets where bytes[start...].starts(with: secret) {
            end = max(end, start + secret.count)
        }
        // Windows overlap: as long as the next one lies in a secret too, the run goes on.
        var next = start
        while next < words.count, next <= end, windows.contains(words[next]) {
            end = next + Self.window
            next += 1
        }
        return end
    }

    private static func withoutControls(_ text: String) -> String {
        let unwanted: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator]
        let scalars = text.unicodeScalars.map { unwanted.contains($0.properties.generalCategory) ? " " : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
