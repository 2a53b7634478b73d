import Foundation
import Logging
import Postgres
import TestSupport
import Testing

/// Pipelines, COPY and prepared statements.
@Suite(.database)
struct BatchTests {
    private struct Refused: Error {}

    private var database: Database { TestDatabase.current.database }

    private func count() async throws -> Int {
        try await database.query("SELECT count(*) AS n FROM t")[0].decode("n")
    }

    @Test func `a pipeline answers every statement in order`() async throws {
        for _ in 0..<2 {
            let answers = try await database.pipeline((0..<500).map { "SELECT \($0)::int AS n" })
            #expect(try answers.map { try $0[0].decode("n", as: Int.self) } == Array(0..<500))
        }
        #expect(try await database.pipeline([]).isEmpty)
    }

    @Test func `a pipeline is one transaction: its first error undoes it all`() async throws {
        try await database.execute("CREATE TABLE t (n int PRIMARY KEY)")
        let error = await failure {
            try await database.pipeline([
                "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (\(1)::int)", "INSERT INTO t VALUES (3)",
            ])
        }
        #expect(error?.sqlState == "23505")
        #expect(error?.debugDescription.contains("STATEMENT: INSERT INTO t VALUES ($1::int)") == true)
        #expect(try await count() == 0)
        try await database.pipeline(["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"])
        #expect(try await count() == 2)
    }

    @Test func `a pipeline larger than every buffer does not stall`() async throws {
        let text = String(repeating: "x", count: 100_000)
        let answers = try await database.pipeline((0..<100).map { _ in "SELECT \(text)::text AS text" })
        #expect(try answers.allSatisfy { try $0[0].decode("text", as: String.self).utf8.count == 100_000 })
    }

    @Test func `COPY writes 100,000 rows as they are`() async throws {
        try await database.execute("CREATE TABLE t (n bigint, text text, bytes bytea, moment timestamptz)")
        let nasty = ["\\", "\\N", "a\tb\nc\r", "é\"'", "", "\\."]
        let moment = Date(timeIntervalSince1970: 1_772_000_000)
        let count = try await database.transaction { transaction in
            try await transaction.copy(into: "t", columns: ["n", "text", "bytes", "moment"]) { writer in
                for n in 0..<100_000 {
                    let bytes: [UInt8]? = n % 2 == 0 ? nil : [0, UInt8(n % 256)]
                    try await writer.row(n, nasty[n % nasty.count], bytes, moment)
                }
            }
        }
        #expect(count == 100_000)
        for (index, text) in nasty.enumerated() {
            let row = try await database.query("SELECT text, bytes, moment FROM t WHERE n = \(index + 600)")[0]
            #expect(try row.decode("text") == text)
            #expect(try row.decode("moment") == moment)
            #expect(try row.decode("bytes", as: [UInt8]?.self) == (index % 2 == 0 ? nil : [0, UInt8(88 + index)]))
        }
    }

    @Test func `a copy whose body throws keeps nothing and leaves the pool usable`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        await #expect(throws: Refused.self) {
            try await database.transaction { transaction in
                try await transaction.copy(into: "t", columns: ["n"]) { writer in
                    for n in 0..<50_000 { try await writer.row(n) }
                    throw Refused()
                }
            }
        }
        #expect(try await count() == 0)
    }

    @Test func `a copy that the server refuses tells why`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        let error = await failure {
            try await database.transaction { transaction in
                try await transaction.copy(into: "t", columns: ["n"]) { writer in
                    try await writer.row("abc")
                    for n in 0..<200_000 { try await writer.row(n) }
                }
            }
        }
        #expect(error?.sqlState == "22P02", "\(error?.debugDescription ?? "")")
        #expect(error?.step == .statement(1))
        let missing = await failure {
            try await database.transaction { try await $0.copy(into: "nowhere", columns: ["n"]) { _ in } }
        }
        #expect(missing?.sqlState == "42P01")
        #expect(try await count() == 0)
    }

    @Test func `COPY written as a statement is refused instead of hanging`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        #expect(await failure { try await database.execute("COPY t FROM STDIN") } != nil)
        #expect(await failure { try await database.execute("COPY t TO STDOUT") } != nil)
        #expect(try await count() == 0)
    }

    @Test func `a statement is parsed once a session`() async throws {
        try await database.withConnection { connection in
            for n in 0..<5 { try await connection.query("SELECT \(n)::int + 1 AS same") }
            let rows = try await connection.query(
                "SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%AS same'"
            )
            #expect(try rows[0].decode("n") == 1)
        }
    }

    @Test func `more texts than a session keeps work all the same`() async throws {
        try await database.withConnection { connection in
            for n in 0..<250 {
                let rows = try await connection.query("SELECT \(raw: "\(n)") AS n")
                #expect(try rows[0].decode("n") == n)
            }
            let rows = try await connection.query("SELECT count(*) AS n FROM pg_prepared_statements")
            #expect(try rows[0].decode("n") == 200)
        }
    }

    @Test func `a plan that a migration has made stale fails once and then works`() async throws {
        try await database.execute("CREATE TABLE t (n int)")
        try await database.withConnection { connection in
            try await connection.query("SELECT * FROM t")
            try await connection.execute("ALTER TABLE t ADD COLUMN m int")
            #expect(await failure { try await connection.query("SELECT * FROM t") }?.sqlState == "0A000")
            #expect(try await connection.query("SELECT * FROM t").isEmpty)
        }
    }

    @Test func `nothing is kept on the server when prepared statements are off`() async throws {
        let plain = try makeDatabase {
            $0.preparedStatements = false
            $0.sessionSettings = false
            $0.maximumConnections = 1
        }
        #expect(try await plain.query("SELECT \(5)::int AS n")[0].decode("n") == 5)
        let rows = try await plain.query("SELECT count(*) AS n FROM pg_prepared_statements")
        #expect(try rows[0].decode("n") == 0)
        await plain.close()
    }
}
