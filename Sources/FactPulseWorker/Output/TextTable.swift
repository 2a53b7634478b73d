/// Columns of text, as wide as their widest cell.
struct TextTable {
    enum Alignment {
        case left, right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.columns = columns
    }

    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ cells: String...) {
        add(cells: cells)
    }

    mutating func add(cells: [String]) {
        rows.append(cells.map(\.shown))
    }

    /// Without a line end at its end.
    var text: String {
        let lines = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let padded = line.indices.map { index in
                let space = String(repeating: " ", count: widths[index] - line[index].count)
                return columns[index].alignment == .left ? line[index] + space : space + line[index]
            }
            return String(padded.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
