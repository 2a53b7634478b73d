import Testing

@testable import Jobs

struct ColumnTests {
    private func mapping(_ header: String, _ columns: [String: String] = [:]) throws -> [String: String] {
        let bytes = Array((header + "\n").utf8)
        return try readRows(bytes, FileOptions(columns: columns)).format.mapping
    }

    @Test(arguments: [
        "name;siret;description", "NOM;SIRET;NOTE", "Raison sociale;N° SIRET;Commentaire",
        "RAISON_SOCIALE;siret_organisme;Notes", "Dénomination;Numéro SIRET;Remarques",
        "Denomination;No. Siret;remarque", "Société;siret etablissement;commentaires",
        "De\u{301}nomination sociale;Nº  de SIRET;Description", " Nom de l’entreprise ;\u{A0}Siret\u{A0}; NOTES ",
        "Company;SIRET number;comment", "Client;siret;note(s)", "\"Raison\nsociale\";siret;description",
    ]) func `headers are known by their meaning, in French and English`(_ header: String) throws {
        #expect(try Set(mapping(header).keys) == ["name", "siret", "description"])
    }

    @Test func `a header that only resembles a field is nobody's`() throws {
        let read = try readRows(Array("nom;siren;siret_siege_social;siret;nomenclature\n".utf8))
        #expect(read.format.mapping == ["name": "nom", "siret": "siret"])
        #expect(read.format.ignored == ["siren", "siret_siege_social", "nomenclature"])
    }

    @Test(arguments: ["Ma colonne", "ma COLONNE", "ma_colonne", "#2"]) func `a column is chosen by name or by place`(
        _ column: String
    ) throws {
        #expect(try mapping("name;Ma colonne;siret", ["name": column]) == ["name": "Ma colonne", "siret": "siret"])
    }

    @Test func `a chosen column settles two that could both be meant`() throws {
        #expect(throws: FileError.ambiguousColumns(field: "name", columns: ["nom", "Raison sociale"])) {
            try mapping("nom;Raison sociale;siret")
        }
        #expect(try mapping("nom;Raison sociale;siret", ["name": "nom"])["name"] == "nom")
    }

    @Test func `a column that was given to one field is not looked at for another`() throws {
        let expected = ["name": "Raison sociale", "description": "nom"]
        #expect(try mapping("nom;Raison sociale", ["description": "nom"]) == expected)
    }

    @Test func `equal headers matter only where a field needs them`() throws {
        #expect(try mapping("name;x;x;siret;;") == ["name": "name", "siret": "siret"])
        #expect(throws: FileError.duplicateHeader(field: "name", column: "name")) { try mapping("name;name;siret") }
        #expect(throws: FileError.duplicateHeader(field: "name", column: "x")) {
            try mapping("x;x;siret", ["name": "x"])
        }
        #expect(try mapping("name;name;siret", ["name": "#2"])["name"] == "name")
    }

    @Test func `a choice that cannot be is refused with what could be`() throws {
        #expect(throws: FileError.unknownField("nom", known: ["name", "siret", "description"])) {
            try mapping("nom;siret", ["nom": "siret"])
        }
        for column in ["nope", "#3", "#0", "#-1", ""] {
            #expect(throws: FileError.unknownColumn(field: "name", column: column, seen: ["nom", "siret"])) {
                try mapping("nom;siret", ["name": column])
            }
        }
        #expect(throws: FileError.columnUsedTwice(column: "nom", fields: ["name", "description"])) {
            try mapping("nom;siret", ["name": "nom", "description": "#1"])
        }
    }

    @Test func `a column that must be there is asked for by name`() {
        let error = FileError.missingColumn(
            field: "name",
            accepted: FieldSpec.clientName.aliases,
            seen: ["Certificateur", "siret"]
        )
        #expect(error.description.contains("call it name, nom, raison sociale,"))
        #expect(throws: error) { try mapping("Certificateur;siret") }
        #expect(error.description.contains("--map name=COLUMN"))
        #expect(error.description.contains("\"Certificateur\""))
    }

    @Test func `a file without header is told from one with a strange header`() throws {
        #expect(throws: FileError.noHeader(value: "732 829 320 00074")) {
            try mapping("ACME;732 829 320 00074\nB;12345678200010")
        }
    }

    @Test func `columns that our result files add are passed over`() throws {
        let read = try readRows(Array("name;siret;_line;_status;_uid;_error_code;_error\nA;;2;failed;;X;y\n".utf8))
        #expect(read.format.columns == ["name", "siret"])
        #expect(read.rows.map(\.cells) == [["A", ""]])
    }

    @Test(arguments: [
        ("nom;N°;x", "\(SiretTests.valid[0]);\(SiretTests.valid[1])", "N°"),
        ("nom;Établissement;x", "732 829 320 00074;", "Établissement"), ("nom;;x", SiretTests.valid[0] + ";", "#2"),
        ("nom;x;x", ";'73282932000074", "#3"), ("nom;n;x", "5520135400010;1", "n"),
        ("nom;siret;x", ";\(SiretTests.valid[0])", nil), ("nom;tel;x", "0102030405;732829320", nil),
        ("nom;tel;x", "73282932000079;12345678901234", nil),
    ]) func `a column of SIRETs under another header is noticed`(header: String, cells: String, column: String?) throws
    {
        let read = try readRows(
            Array("\(header)\nA;\(cells)\nB;\(cells)\nC;-;-\n".utf8),
            FileOptions(allowSameName: true)
        )
        #expect(read.cursor.unusedSirets == column)
    }

    @Test func `a required cell that cannot be read is wrong once, not missing as well`() throws {
        let siret = FieldSpec(name: "siret", aliases: ["siret"], missing: .siretLength, check: Siret.check)
        let scratch = try Scratch()
        let path = try scratch.write(Array("siret;x\n-;1\n;2\n".utf8))
        let cursor = try RowFile.open(path: path, schema: RowSchema(fields: [siret], keys: [])).rows()
        #expect(try rows(of: cursor).map(\.codes) == [[.siretCharacters], [.siretLength]])
    }

    @Test func `another operation brings its own fields to the same machine`() throws {
        let uid = FieldSpec(name: "uid", aliases: ["uid", "identifiant"], missing: .nameMissing) { cell, _, value in
            CellText.trim(cell, into: &value.bytes)
        }
        let schema = RowSchema(fields: [uid], keys: [.init(field: "uid", code: .duplicateSiret)])
        let scratch = try Scratch()
        let path = try scratch.write(Array("Identifiant;x\n a ;\n;1\na;\n".utf8))
        let cursor = try RowFile.open(path: path, schema: schema).rows()
        let read = try rows(of: cursor)
        #expect(read.map(\.verdict) == [.valid, .rejected, .duplicate])
    }
}
