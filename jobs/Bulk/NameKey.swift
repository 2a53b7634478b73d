import Foundation

/// A name folded for comparison: composed, lower case, runs of white space as one space. Accents count.
package enum NameKey {
    package static func of(_ name: String) -> String {
        name.precomposedStringWithCanonicalMapping.lowercased().split(whereSeparator: \.isWhitespace).joined(
            separator: " "
        )
    }
}
