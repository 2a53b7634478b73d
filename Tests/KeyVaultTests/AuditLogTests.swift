import Foundation
import Postgres
import TestSupport
import Testing

@testable import KeyVault

@Suite(.database)
struct AuditLogTests {
    private let database = TestDatabase.current.database

    private func append(_ count: Int) async throws {
        for number in 0..<count {
            let entry = AuditEntry(
                actor: "worker-1",
                action: "rotate",
                outcome: number.isMultiple(of: 2) ? "intent" : "done",
                client: UUID(),
                version: number + 1,
                fingerprint: Fingerprint("kfp_0123456789abcdef"),
                attempt: 7,
                reason: "n° \(number) \"quoted\""
            )
            try await database.query(entry.insert)
        }
    }

    /// What only somebody with the database's own rights can do.
    private func tamper(_ sql: SQL) async throws {
        try await database.pipeline([
            "ALTER TABLE factpulse.audit_log DISABLE TRIGGER USER", sql,
            "ALTER TABLE factpulse.audit_log ENABLE TRIGGER USER",
        ])
    }

    @Test(arguments: [3, 10_000] as [Int64])
    func `an untouched chain is whole, whatever the pages and the session's time zone`(
        page: Int64
    ) async throws {
        #expect(try await AuditLog(database, page: page).verify() == AuditLog.Verification())
        try await append(10)
        let result = try await AuditLog(database, page: page).verify()
        #expect(result.isWhole && result.entries == 10 && result.end?.seq == 10)
        try await database.transaction { transaction in
            try await transaction.execute("SET LOCAL TimeZone = 'Pacific/Auckland'")
            let rows = try await transaction.query(
                "SELECT FROM factpulse.audit_log a WHERE factpulse.audit_digest(a) <> a.hash"
            )
            #expect(rows.isEmpty)
        }
    }

    @Test(arguments: [3, 10_000] as [Int64]) func `a row that was changed, removed or put in is found`(page: Int64)
        async throws
    {
        try await append(12)
        let log = AuditLog(database, page: page)
        try await tamper("UPDATE factpulse.audit_log SET reason = 'nothing to see' WHERE seq = 4")
        #expect(try await log.verify().broken == [4])
        // With its digest made anew, the one behind it gives it away.
        try await tamper("UPDATE factpulse.audit_log a SET hash = factpulse.audit_digest(a) WHERE seq = 4")
        #expect(try await log.verify().broken == [5])
        try await tamper("DELETE FROM factpulse.audit_log WHERE seq = 9")
        #expect(try await log.verify().broken == [5, 10])
        try await tamper("DELETE FROM factpulse.audit_log WHERE seq = 1")
        #expect(try await log.verify().broken.first == 2)
    }

    @Test func `an end that was cut off is found by an anchor`() async throws {
        try await append(5)
        let log = AuditLog(database, page: 2)
        let end = try #require(try await log.verify().end)
        try await append(3)
        #expect(try await log.verify(anchor: end).isWhole)
        try await tamper("DELETE FROM factpulse.audit_log WHERE seq > 4")
        #expect(try await log.verify().isWhole)
        #expect(try await log.verify(anchor: end).lostAnchor)
        try await append(3)
        #expect(try await log.verify(anchor: end).lostAnchor)
    }

    @Test(
        arguments: [
            "UPDATE factpulse.audit_log SET actor = 'x'", "DELETE FROM factpulse.audit_log",
            "TRUNCATE factpulse.audit_log",
        ] as [String]
    )
    func `the log is only ever added to`(statement: String) async throws {
        try await append(1)
        let error = await #expect(throws: PostgresError.self) { try await database.execute("\(raw: statement)") }
        #expect(error?.sqlState == "FV001")
    }

    @Test func `many writers make one chain without a gap, and a rollback leaves none`() async throws {
        struct GiveUp: Error {}
        try await withThrowingTaskGroup { group in
            for writer in 0..<6 {
                group.addTask {
                    for step in 0..<20 {
                        let entry = AuditEntry(actor: "w\(writer)", action: "rotate", outcome: "intent")
                        do {
                            try await database.transaction { transaction in
                                try await transaction.query(entry.insert)
                                if step.isMultiple(of: 5) { throw GiveUp() }
                            }
                        } catch is GiveUp {}
                    }
                }
            }
            try await group.waitForAll()
        }
        let result = try await AuditLog(database).verify()
        #expect(result.isWhole && result.entries == 96)
    }

    @Test func `the export has every entry once, from a moment on`() async throws {
        try await append(5)
        let middle = try await database.query("SELECT at FROM factpulse.audit_log WHERE seq = 3")[0].decode(
            at: 0,
            as: Date.self
        )
        var lines: [String] = []
        try await AuditLog(database, page: 2).export(since: nil) { lines += $0 }
        #expect(lines.count == 5)
        var later: [String] = []
        try await AuditLog(database, page: 2).export(since: middle) { later += $0 }
        #expect(later == Array(lines.suffix(later.count)) && later.count == 3)
        let first = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(first["seq"] as? Int == 1 && first["actor"] as? String == "worker-1")
        #expect((first["prev_hash"] as? String) == String(repeating: "0", count: 64))
    }
}
