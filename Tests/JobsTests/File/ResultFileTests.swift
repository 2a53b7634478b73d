import Foundation
import Testing

@testable import Jobs

#if canImport(Glibc)
    import Glibc
#endif

struct ResultFileTests {
    private func prefixLength(_ cell: String) -> Int {
        let bytes = Array(cell.utf8)
        return FormulaGuard.prefixLength(bytes.span)
    }

    @Test func `the result file has the owner's columns and ours, for Excel to open`() throws {
        let scratch = try Scratch()
        let path = scratch.path("out.csv")
        let writer = try ResultWriter(path: path, columns: ["Nom", "SIRET"], delimiter: .semicolon)
        try writer.append(["Café; \"A\"", "x"], RowResult(line: 2, status: "done", uid: "u-1"))
        try writer.append(
            ["B"],
            RowResult(line: 3, status: "rejected", code: "SIRET_LENGTH", error: "A SIRET has 14 digits.")
        )
        #expect(!FileManager.default.fileExists(atPath: path), "nothing half-done under the real name")
        try writer.finish()
        let text = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        #expect(
            text == "\u{FEFF}Nom;SIRET;_line;_status;_uid;_error_code;_error;_candidates\r\n"
                + "\"Café; \"\"A\"\"\";x;2;done;u-1;;;\r\n"
                + "B;;3;rejected;;SIRET_LENGTH;A SIRET has 14 digits.;\r\n"
        )
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder) == ["out.csv"])
    }

    @Test func `a writer that does not finish leaves nothing`() throws {
        let scratch = try Scratch()
        try ResultWriter(path: scratch.path("out.csv"), columns: ["a"], delimiter: .comma)
            .append(["x"], RowResult(line: 2, status: "done"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder).isEmpty)
    }

    @Test(.enabled(if: access("/dev/full", W_OK) == 0, "needs /dev/full")) func `a full disk is an error`() throws {
        let scratch = try Scratch()
        #expect(symlink("/dev/full", scratch.path("out.csv.part")) == 0)
        let writer = try ResultWriter(path: scratch.path("out.csv"), columns: ["a"], delimiter: .comma)
        #expect(throws: FileError.cannotWrite(reason: "No space left on device")) { try writer.finish() }
        #expect(!FileManager.default.fileExists(atPath: scratch.path("out.csv")))
    }

    @Test func `a symbolic link goes on leading to its file, which keeps its mode`() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("far"), withIntermediateDirectories: true)
        let files = FileManager.default
        try files.createSymbolicLink(atPath: scratch.path("out.csv"), withDestinationPath: "far/middle.csv")
        try files.createSymbolicLink(
            atPath: scratch.path("far/middle.csv"),
            withDestinationPath: scratch.path("real.csv")
        )
        for _ in 1...2 {
            // The first time, the links lead to nothing yet.
            let writer = try ResultWriter(path: scratch.path("out.csv"), columns: ["a"], delimiter: .comma)
            try writer.append(["x"], RowResult(line: 2, status: "done"))
            try writer.finish()
            #expect(try files.destinationOfSymbolicLink(atPath: scratch.path("out.csv")) == "far/middle.csv")
            let text = try String(contentsOfFile: scratch.path("real.csv"), encoding: .utf8)
            #expect(text.contains("x,2,done,"))
            #expect(chmod(scratch.path("real.csv"), 0o600) == 0)
        }
        var status = stat()
        #expect(stat(scratch.path("real.csv"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try files.contentsOfDirectory(atPath: scratch.folder).sorted() == ["far", "out.csv", "real.csv"])
    }

    @Test func `one file is known under all its names, also before it is there`() throws {
        let scratch = try Scratch()
        let path = try scratch.write([0x61], "a.csv")
        #expect(link(path, scratch.path("hard.csv")) == 0 && symlink("a.csv", scratch.path("soft.csv")) == 0)
        #expect(symlink("none.csv", scratch.path("ahead.csv")) == 0 && symlink(".", scratch.path("here")) == 0)
        for same in ["a.csv", "hard.csv", "soft.csv", "here/a.csv", "./here/./a.csv"] {
            #expect(FilePlace.isSame(path, scratch.path(same)), "\(same)")
        }
        #expect(FilePlace.isSame(scratch.path("ahead.csv"), scratch.path("here/none.csv")))
        for other in ["none.csv", "ahead.csv", "nowhere/a.csv"] {
            #expect(!FilePlace.isSame(path, scratch.path(other)), "\(other)")
        }
        #expect(!FilePlace.isSame("/nowhere/a", "/elsewhere/a"))
    }

    @Test func `a folder that is not there is an error`() throws {
        #expect(throws: FileError.noPlace(reason: "No such file or directory")) {
            try ResultWriter(path: "/nowhere/out.csv", columns: ["a"], delimiter: .comma)
        }
    }

    @Test(arguments: [
        "=1+1", "+33", "-5", "@home", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠a", "'=1", "''@",
    ]) func `a cell that a spreadsheet would run gets one apostrophe, and reading takes it back`(_ cell: String) {
        #expect(FormulaGuard.protect(cell) == "'" + cell)
        #expect(prefixLength("'" + cell) == 1)
    }

    @Test(arguments: ["", "a", "'", "''", "l'été", "'t Hof", " =1", "！", "1-2"]) func `other cells stay as they are`(
        _ cell: String
    ) {
        #expect(FormulaGuard.protect(cell) == cell)
        #expect(prefixLength(cell) == 0)
    }

    @Test func `a program may ask for cells as they are`() {
        var bytes: [UInt8] = []
        CSVLine(raw: true).append(["=1", "a,b"], to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "=1,\"a,b\"\r\n")
    }

    /// How programs save a CSV file that they have opened: seen with LibreOffice 7.4, known of Excel.
    struct Habit: CustomTestStringConvertible {
        let testDescription: String
        var encoding = TextEncoding.utf8
        var mark = false
        var delimiter = ";"
        var lineEnd = "\n"
        var quotesAll = false
    }

    @Test(arguments: [
        Habit(testDescription: "LibreOffice"),
        Habit(testDescription: "LibreOffice, all text cells quoted", encoding: .windows1252, quotesAll: true),
        Habit(testDescription: "Excel, CSV", encoding: .windows1252, lineEnd: "\r\n"),
        Habit(testDescription: "Excel, CSV UTF-8", mark: true, lineEnd: "\r\n"),
        Habit(
            testDescription: "Excel, Unicode text",
            encoding: .utf16LittleEndian,
            mark: true,
            delimiter: "\t",
            lineEnd: "\r\n"
        ),
    ]) func `a result file that was mended and saved by another program is read as it was meant`(_ habit: Habit) throws
    {
        let scratch = try Scratch()
        let writer = try ResultWriter(
            path: scratch.path("result.csv"),
            columns: ["Nom", "SIRET", "Note"],
            delimiter: .semicolon
        )
        let wrong = RowResult(line: 2, status: "rejected", code: "SIRET_LENGTH", error: IssueCode.siretLength.cure)
        try writer.append(["=Café; \"A\"", "1234", "one\ntwo"], wrong)
        try writer.append(["'t Hof", "12345678200010", ""], RowResult(line: 4, status: "done", uid: "u-1"))
        try writer.finish()
        // As any CSV reader would show it: apostrophes are text.
        let shown = try RowFile.open(path: scratch.path("result.csv"), schema: .createClients)
        var records = try shown.records()
        var saved = ""
        while try records.next() {
            let cells = records.cells.map { String(decoding: records.text[$0.start..<$0.end], as: UTF8.self) }
            saved +=
                cells.map { cell in
                    let text = cell == "1234" ? "73282932000074" : cell
                    let needsQuotes = habit.quotesAll || text.contains { "\n\"\(habit.delimiter)".contains($0) }
                    return needsQuotes ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
                }.joined(separator: habit.delimiter) + habit.lineEnd
        }
        let read = try readRows(saved.encoded(habit.encoding, mark: habit.mark))
        #expect(read.format.columns == ["Nom", "SIRET", "Note"])
        #expect(read.rows.map(\.name) == ["=Café; \"A\"", "'t Hof"])
        #expect(read.rows.map(\.siret) == ["73282932000074", "12345678200010"])
        #expect(read.rows.map(\.description) == ["one\ntwo", nil])
        #expect(read.rows.map(\.verdict) == [.valid, .valid])
    }

    @Test(arguments: 0..<40) func `what is written is read back, again and again`(_ seed: UInt64) throws {
        var random = SeededRandom(seed)
        let delimiter = Delimiter.candidates.randomElement(using: &random)!
        let columns = ["name", "=col", "'+x", "siret"]
        var table = (0..<30).map { row in ["n\(row)"] + (1..<columns.count).map { _ in random.text() } }
        // A row with more cells than the header keeps them, and stays refused.
        table[7] += ["", "extra;"]
        let scratch = try Scratch()
        for generation in 1...2 {
            let path = scratch.path("\(generation).csv")
            let writer = try ResultWriter(path: path, columns: columns, delimiter: delimiter)
            for (index, cells) in table.enumerated() {
                try writer.append(cells, RowResult(line: index, status: "failed", error: "=boom"))
            }
            try writer.finish()
            let file = try RowFile.open(path: path, schema: .createClients)
            #expect(file.format.encoding == .utf8)
            #expect(file.format.delimiter == delimiter)
            #expect(file.format.columns == columns)
            let read = try file.settle { try rows(of: $0) }.0
            #expect(read.map(\.cells) == table)
            #expect(read[7].codes.contains(.tooManyCells))
            table = read.map(\.cells)
        }
    }
}
