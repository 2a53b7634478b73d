import Foundation

/// A name folded for comparison: composed, lower case, runs of white space as one space. Accents count.
package enum NameKey {
    /// An index takes no more than 2,704 bytes, and no name of a file is as long as this. Of a longer one, which only the
    /// server can have, the beginning counts.
    private static let longest = 1_200

    package static func of(_ name: String) -> String {
        let folded = name.precomposedStringWithCanonicalMapping.lowercased().split(whereSeparator: \.isWhitespace)
            .joined(separator: " ")
        guard folded.utf8.count > longest else { return folded }
        return String(decoding: folded.utf8.prefix(longest), as: UTF8.self)
    }
}
