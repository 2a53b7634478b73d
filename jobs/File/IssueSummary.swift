/// What is wrong with a file, by code: one line for thousands of rows that suffer from the same thing.
package struct IssueSummary: Sendable {
    /// All rows with one code.
    package struct Entry: Sendable, Hashable {
        package let code: IssueCode
        package fileprivate(set) var count = 0
        /// The physical lines of the first ones, at most 5.
        package fileprivate(set) var firstLines: [Int] = []
    }

    private var byCode: [IssueCode: Entry] = [:]
    /// Rows whose SIRET cell is not blank.
    package internal(set) var siretCells = 0

    package init() {}

    package var isEmpty: Bool { byCode.isEmpty }

    /// The most frequent first.
    package var entries: [Entry] {
        byCode.values.sorted { ($1.count, $0.code) < ($0.count, $1.code) }
    }

    package func count(of code: IssueCode) -> Int { byCode[code]?.count ?? 0 }

    /// The one sentence that cures the whole file, where one cause spoiled at least half of its SIRETs; else `nil`.
    package var cure: String? {
        let rounded = count(of: .siretScientific)
        guard rounded >= 2 && rounded * 2 >= siretCells || rounded > 0 && rounded == siretCells else { return nil }
        return "Excel rounded \(rounded) of \(siretCells) SIRETs to the form 1,23E+13, and their digits are lost: "
            + "export the original again with that column as Text, and open CSV files in Excel with Data > From Text/CSV, "
            + "for a double click rounds them."
    }

    package mutating func add(_ issue: RowIssue) {
        var entry = byCode[issue.code] ?? Entry(code: issue.code)
        entry.count += 1
        if entry.firstLines.count < 5 { entry.firstLines.append(issue.line) }
        byCode[issue.code] = entry
    }
}
