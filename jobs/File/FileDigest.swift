import Crypto

/// The fingerprint by which a file is known again, whatever it is called.
package enum FileDigest {
    /// SHA-256 of the file's bytes, as 64 hex digits. Blocks the thread.
    package static func sha256(path: String) throws(FileError) -> String {
        let file = try InputFile(path: path)
        var hash = SHA256()
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var offset = 0
        while true {
            let count = try file.fill(&chunk, at: offset)
            if count == 0 { break }
            chunk.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += count
        }
        try file.checkUnchanged()
        return text(hash.finalize())
    }

    /// SHA-256 of a text in UTF-8, in the same form.
    static func sha256(text: String) -> String {
        self.text(SHA256.hash(data: Array(text.utf8)))
    }

    private static func text(_ digest: SHA256Digest) -> String {
        digest.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
