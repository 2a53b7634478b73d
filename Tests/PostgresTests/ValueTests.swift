import Foundation
import Postgres
import TestSupport
import Testing

private enum Colour: String, PostgresEncodable, PostgresDecodable, CaseIterable {
    case red, blue = "bl'ue"
}

private struct Box: Codable, Equatable {
    var text: String
    var numbers: [Int]
    var nothing: String?
}

@Suite(.database)
struct ValueTests {
    private func roundTrip<T: PostgresEncodable & PostgresDecodable & Equatable>(_ values: [T], _ type: String)
        async throws
    {
        for value in values {
            let rows = try await TestDatabase.current.database.query("SELECT \(value)::\(raw: type) AS value")
            #expect(try rows[0].decode("value", as: T.self) == value)
        }
    }

    @Test func `numbers come back as they went`() async throws {
        try await roundTrip([Int.min, -1, 0, .max], "bigint")
        try await roundTrip([Int64.min, .max], "bigint")
        try await roundTrip([Int32.min, .max], "integer")
        try await roundTrip([Int16.min, .max], "smallint")
        try await roundTrip([UInt32.max], "oid")
        try await roundTrip([true, false], "boolean")
        let doubles = [0.1, -0.0, 1e-300, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity, -.infinity]
        try await roundTrip(doubles, "double precision")
    }

    @Test func `texts come back as they went`() async throws {
        let texts = ["", "'", "\"", "\\", "\\N", "NULL", "{a,b}", "a\tb\r\nc", "é 漢字 👩‍👩‍👧", "$1", "; --", "\u{1}\u{7f}"]
        try await roundTrip(texts, "text")
        try await roundTrip(Colour.allCases, "text")
        try await roundTrip([UUID(), UUID()], "uuid")
    }

    @Test func `arrays come back as they went`() async throws {
        try await roundTrip([[], [1, -2, .max]] as [[Int64]], "bigint[]")
        try await roundTrip([[], [""], ["a,b", "{}", "\"", "\\", "NULL", "null", " x ", "é"]], "text[]")
        try await roundTrip([["NULL", nil, ""], [nil]] as [[String?]], "text[]")
        try await roundTrip([[true, false]], "boolean[]")
        try await roundTrip([[UUID(), UUID()]], "uuid[]")
        try await roundTrip([Colour.allCases], "text[]")
    }

    @Test func `bytes come back as they went, alone and in arrays`() async throws {
        try await roundTrip([[], [0], Array(UInt8.min...UInt8.max)] as [[UInt8]], "bytea")
        try await roundTrip([[[], [0, 255], [92, 34]]] as [[[UInt8]]], "bytea[]")
    }

    @Test func `NULL is nil for an optional and an error for anything else`() async throws {
        try await roundTrip([nil, 5] as [Int?], "bigint")
        let row = try await TestDatabase.current.database.query("SELECT NULL::text AS name")[0]
        let error = #expect(throws: PostgresError.self) { try row.decode("name", as: String.self) }
        #expect(error?.kind == .decoding)
        #expect(error?.column == "name")
    }

    @Test(arguments: ["UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns"])
    func `a moment survives any time zone of the session, to the microsecond`(zone: String) async throws {
        let moments = [
            0, 0.000_001, 1_772_000_000.123_456, -86_400.5, -2_208_988_800, 951_782_400, 32_503_680_000.999_999,
        ]
        try await TestDatabase.current.database.transaction { transaction in
            try await transaction.execute("SELECT set_config('timezone', \(zone), true)")
            for moment in moments {
                let date = Date(timeIntervalSince1970: moment)
                let row = try await transaction.query(
                    "SELECT \(date)::timestamptz AS date, extract(epoch FROM \(date)::timestamptz)::float8 AS seconds"
                )[0]
                #expect(abs(try row.decode("date", as: Date.self).timeIntervalSince1970 - moment) < 0.000_001)
                #expect(abs(try row.decode("seconds", as: Double.self) - moment) < 0.000_001)
            }
        }
    }

    @Test func `a duration is an interval`() async throws {
        let row = try await TestDatabase.current.database.query(
            """
            SELECT extract(epoch FROM \(Duration.milliseconds(90_500))::interval)::float8 AS long,
                   extract(epoch FROM \(Duration.microseconds(-1_500_001))::interval)::float8 AS negative
            """
        )[0]
        #expect(try row.decode("long") == 90.5)
        #expect(try row.decode("negative") == -1.500001)
    }

    @Test func `JSON comes back as it went`() async throws {
        try await roundTrip([JSON(Box(text: "a\"'\\\n/é", numbers: [1, 2], nothing: nil))], "jsonb")
    }

    @Test func `a zero character is refused before anything is sent`() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await TestDatabase.current.database.query("SELECT \("secret\0value")::text")
        }
        #expect(error?.kind == .encoding)
        #expect(error.map { "\($0) \($0.debugDescription)" }?.contains("secret") == false)
    }

    @Test func `a value that does not fit is named by column and type, never shown`() async throws {
        let row = try await TestDatabase.current.database.query("SELECT 'hunter2' AS a, 1 AS b")[0]
        let error = #expect(throws: PostgresError.self) { try row.decode("a", as: Int.self) }
        #expect(error?.description.contains("Int") == true)
        #expect(error?.description.contains("column a") == true)
        #expect(error.map { "\($0) \($0.debugDescription)" }?.contains("hunter2") == false)
        let missing = #expect(throws: PostgresError.self) { try row.decode("c", as: Int.self) }
        #expect(missing?.description.contains("only a, b") == true)
        let (a, b) = try row.decode((String.self, Int?.self))
        #expect(a == "hunter2" && b == 1)
    }

    @Test func `8 MB go in as one parameter and 30 MB come out as one answer`() async throws {
        let large = String(repeating: "é\"\\x", count: 8_000_000 / 5)
        let row = try await TestDatabase.current.database.query(
            "SELECT \(large)::text AS same, repeat('y', 30000000) AS more"
        )[0]
        #expect(try row.decode("same", as: String.self) == large)
        #expect(try row.decode("more", as: String.self).utf8.count == 30_000_000)
    }
}
