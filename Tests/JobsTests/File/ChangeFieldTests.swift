import Testing

@testable import Jobs

/// Files of operations on clients that exist.
struct ChangeFieldTests {
    private static let uid = "0f8fad5b-d9cb-469f-a165-70867728950e"

    /// Those of operations on clients that exist; each is seen below.
    static let codes: Set<IssueCode> = [
        .clientMissing, .uidMalformed, .duplicateUID, .nameCannotBeCleared, .descriptionPlaceholder, .urlMalformed,
        .textMalformed, .yesOrNoMissing, .encryptionModeUnknown,
    ]

    private func read(_ text: String, _ schema: RowSchema = .updateClients) throws -> [ReadRow] {
        let scratch = try Scratch()
        let file = try RowFile.open(path: scratch.write(Array(text.utf8)), schema: schema)
        return try file.settle { try rows(of: $0) }.0
    }

    @Test func `a uid is taken in either case and with blanks around it, and anything else is refused`() throws {
        let rows = try read("UID;nom\n \(Self.uid.uppercased()) ;A\n\(Self.uid.dropLast());B\nx;C\n")
        #expect(rows.map(\.codes) == [[], [.uidMalformed], [.uidMalformed]])
    }

    @Test func `a row that names no client is refused`() throws {
        let rows = try read("uid;siret;nom\n;;A\n;<null>;B\n\(Self.uid);;C\n")
        #expect(rows.map(\.codes) == [[.clientMissing], [.clientMissing], []])
    }

    @Test func `nothing is cleared by what a program writes for nothing`() throws {
        let rows = try read(
            "uid;nom;description\n"
                + ["NULL;x", "<null>;x", "A;#N/A", "A;null", "A;<NULL>", "A; <null> ", "A;"].enumerated()
                .map { "0f8fad5b-d9cb-469f-a165-7086772895\(10 + $0);\($1)\n" }.joined()
        )
        #expect(
            rows.map(\.codes) == [
                [.namePlaceholder], [.nameCannotBeCleared], [.descriptionPlaceholder], [.descriptionPlaceholder], [],
                [], [],
            ]
        )
    }

    @Test func `rows about one client repeat each other`() throws {
        let rows = try read("uid;nom\n\(Self.uid);A\n\(Self.uid.uppercased());B\n")
        #expect(rows.map(\.verdict) == [.valid, .duplicate])
        #expect(rows[1].codes == [.duplicateUID])
    }

    @Test func `a list of clients needs one column and no delimiter`() throws {
        #expect(try read("uid\n\(Self.uid)\n", .clients).map(\.codes) == [[]])
        #expect(try read("N° SIRET\r\n73282932000074\r\n", .clients).map(\.siret) == ["73282932000074"])
        #expect(throws: FileError.oneColumn(header: "uid")) { try read("uid\n\(Self.uid)\n") }
        #expect(throws: FileError.oneColumn(header: "uid siret")) { try read("uid siret\nx y\n", .clients) }
    }

    @Test func `a PDP configuration is judged cell by cell, and no message quotes a secret`() throws {
        let header = "uid;flow_service_url;token_url;oauth_client_id;client_secret;actif;sandbox;chiffrement"
        let cases: [(String, [IssueCode])] = [
            ("https://a.example/f;https://a.example/t;id;secret;oui;0;Double", []),
            (";;;;;;", []),
            ("a.example;ftp://a.example;id;secret;oui;0;fernet", [.urlMalformed, .urlMalformed]),
            ("https://user:pass@a.example;;;;;;", [.urlMalformed]),
            (";;null;\"two\nlines\";;;", [.textMalformed, .textMalformed]),
            (";;;;peut-être;2;triple", [.yesOrNoMissing, .yesOrNoMissing, .encryptionModeUnknown]),
        ]
        let lines = cases.enumerated().map { "0f8fad5b-d9cb-469f-a165-7086772895\(10 + $0);\($1.0)" }
        let rows = try read(([header] + lines).joined(separator: "\n"), .configurePDP)
        for (row, example) in zip(rows, cases) { #expect(row.codes == example.1, "\(example.0)") }
        for row in rows {
            #expect(row.cells[4] == "")
            #expect(!row.issues.contains { $0.message.contains("lines") || $0.value?.contains("lines") == true })
        }
        #expect(rows[2].issues.map(\.value) == ["a.example", "ftp://a.example"])
        // In a row with a cell too many or too few, the secret may stand where an address belongs.
        let shifted = try read(
            "\(header)\n\(Self.uid);geheim;geheim;y;z;oui;non;double;x\n\(Self.uid);geheim\n",
            .configurePDP
        )
        #expect(
            shifted.map(\.codes) == [[.tooManyCells, .urlMalformed, .urlMalformed], [.tooFewCells, .urlMalformed]]
        )
        #expect(shifted.allSatisfy { $0.issues.allSatisfy { $0.value == nil } })
    }

    @Test(arguments: ["nom;description\nA;B\n", "uid;note2\n\(uid);x\n", "siret;x\n73282932000074;y\n"])
    func `a file that names no clients, or nothing to change, is refused as a whole`(_ text: String) throws {
        let error = #expect(throws: FileError.self) { try read(text) }
        #expect(error?.description.contains("no column for any of") == true)
    }
}
