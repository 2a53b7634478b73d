/// The name of a kind of job, as it stands in `queue.kinds`: lower case, digits and hyphens.
package struct JobKind: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package init(stringLiteral value: String) {
        self.init(rawValue: value)
    }

    package var description: String { rawValue }
}
