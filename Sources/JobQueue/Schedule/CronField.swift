/// One of the five fields of a cron expression: what it may hold, and what its text means.
enum CronField: String, CaseIterable {
    case minute
    case hour
    case dayOfMonth = "day of month"
    case month
    case dayOfWeek = "day of week"

    /// The values it may hold. Sunday is 0 and 7.
    var range: ClosedRange<Int> {
        switch self {
        case .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    /// What `*` means.
    private var all: ClosedRange<Int> { self == .dayOfWeek ? 0...6 : range }

    private var names: [String] {
        switch self {
        case .month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        case .dayOfWeek: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        case .minute, .hour, .dayOfMonth: []
        }
    }

    /// A bit for each value that the text, such as `1-5,10,*/15`, names. - Throws: ``CronError``.
    func parse(_ text: Substring) throws(CronError) -> UInt64 {
        var values: UInt64 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let step = try step(pieces)
            for value in stride(from: try first(pieces[0]), through: try last(pieces), by: step) {
                values |= 1 << UInt64(self == .dayOfWeek ? value % 7 : value)
            }
        }
        return values
    }

    private func step(_ pieces: [Substring]) throws(CronError) -> Int {
        guard pieces.count > 1 else { return 1 }
        guard let step = digits(pieces[1]), (1...all.count).contains(step) else {
            throw CronError("the step of the \(rawValue) is 1 to \(all.count), not “\(pieces[1])”")
        }
        return step
    }

    private func first(_ span: Substring) throws(CronError) -> Int {
        span == "*" ? all.lowerBound : try value(ends(of: span)[0])
    }

    private func last(_ pieces: [Substring]) throws(CronError) -> Int {
        if pieces[0] == "*" { return all.upperBound }
        let ends = ends(of: pieces[0])
        // `5/15` begins at 5 and goes on to the end.
        guard ends.count > 1 else { return pieces.count > 1 ? all.upperBound : try value(ends[0]) }
        let first = try value(ends[0])
        var last = try value(ends[1])
        // Friday to Sunday ends with a week; Sunday to Sunday is one day.
        if self == .dayOfWeek, last == 0, first > 0 { last = 7 }
        guard first <= last else {
            throw CronError(
                "the \(rawValue) “\(pieces[0])” ends before it begins; name two ranges, with a comma between"
            )
        }
        return last
    }

    private func ends(of span: Substring) -> [Substring] {
        span.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    }

    private func value(_ text: Substring) throws(CronError) -> Int {
        if let place = names.firstIndex(of: text.lowercased()) { return place + range.lowerBound }
        guard let number = digits(text), range.contains(number) else {
            let orNames = names.isEmpty ? "" : " or \(names[0]) to \(names[names.count - 1])"
            throw CronError("the \(rawValue) is \(range.lowerBound) to \(range.upperBound)\(orNames), not “\(text)”")
        }
        return number
    }

    /// `Int` alone would take a sign.
    private func digits(_ text: Substring) -> Int? {
        text.allSatisfy { $0.isASCII && $0.isNumber } ? Int(text) : nil
    }
}

/// Why a text is no cron expression, and how to write it.
package struct CronError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
