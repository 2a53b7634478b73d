import Postgres
import Testing

struct SQLTests {
    @Test(arguments: ["'; DROP TABLE job; --", "$1", "\\", "é\"'"]) func `a value is never part of the text`(
        value: String
    ) {
        let sql: SQL = "SELECT * FROM job WHERE kind = \(value) AND id = \(7)"
        #expect(sql.description == "SELECT * FROM job WHERE kind = $1 AND id = $2")
    }

    @Test func `a statement inside another one keeps its values, renumbered`() {
        let condition: SQL = "a = \(1) AND b = \("x")"
        let sql: SQL = "SELECT \(0) WHERE \(condition) OR c = \(2) OR \(condition)"
        #expect(sql.description == "SELECT $1 WHERE a = $2 AND b = $3 OR c = $4 OR a = $5 AND b = $6")
    }

    @Test func `a name is quoted and raw text is not`() {
        let sql: SQL = "SELECT \(identifier: "na\"me") FROM \(raw: "job AS j")"
        #expect(sql.description == "SELECT \"na\"\"me\" FROM job AS j")
    }
}
