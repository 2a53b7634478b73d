import Logging
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct MigratorTests {
    private static let first = Migration(
        version: 1,
        name: "one",
        sql: "CREATE TABLE one (n int); INSERT INTO one VALUES (1);"
    )
    private static let second = Migration(version: 2, name: "two", sql: "ALTER TABLE one ADD COLUMN m int")

    /// The test's database, as if no migration had ever run on it.
    private func blank() async throws -> Database {
        let database = TestDatabase.current.database
        try await database.execute("DROP TABLE public.schema_migrations")
        return database
    }

    @Test func `8 programs at once apply each file once`() async throws {
        _ = try await blank()
        let url = TestDatabase.current.url
        let applied = try await withThrowingTaskGroup(of: [Migration].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let database = try makeDatabase(url: url)
                    let applied = try await Migrator(database, migrations: [Self.first, Self.second]).apply()
                    await database.close()
                    return applied
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted { $0.version < $1.version } == [Self.first, Self.second])
        let rows = try await TestDatabase.current.database.query("SELECT count(*) AS n FROM one")
        #expect(try rows[0].decode("n") == 1)
    }

    @Test func `a changed file is refused and nothing is applied`() async throws {
        let database = try await blank()
        _ = try await Migrator(database, migrations: [Self.first]).apply()
        var changed = Self.first
        changed.sql += " "
        let error = await failure { try await Migrator(database, migrations: [changed, Self.second]).apply() }
        #expect(error?.kind == .migration)
        #expect(error?.description.contains("1 (one) was changed") == true)
        #expect(await failure { try await Migrator(database, migrations: [changed]).check() }?.kind == .migration)
        let status = try await Migrator(database, migrations: [Self.first, Self.second]).status()
        #expect(status.map { $0.appliedAt != nil } == [true, false])
    }

    @Test func `a file that fails leaves nothing, those before it stay`() async throws {
        let database = try await blank()
        let broken = Migration(version: 2, name: "broken", sql: "CREATE TABLE two (); SELECT 1/0;")
        let error = await failure { try await Migrator(database, migrations: [Self.first, broken]).apply() }
        #expect(error?.sqlState == "22012")
        #expect(error?.description.contains("2 (broken)") == true)
        let rows = try await database.query(
            "SELECT to_regclass('two') IS NULL AS gone, to_regclass('one') IS NULL AS lost"
        )
        #expect(try rows[0].decode((Bool.self, Bool.self)) == (true, false))
        #expect(try await Migrator(database, migrations: [Self.first, Self.second]).apply() == [Self.second])
    }

    @Test func `a file that comes too late is refused`() async throws {
        let database = try await blank()
        _ = try await Migrator(
            database,
            migrations: [Self.second].map { Migration(version: 2, name: $0.name, sql: "") }
        ).apply()
        let error = await failure {
            try await Migrator(database, migrations: [Self.first, Migration(version: 2, name: "two", sql: "")]).apply()
        }
        #expect(error?.description.contains("give it a higher number") == true)
    }

    @Test func `a newer database is shown, accepted for work and refused for migrating`() async throws {
        let database = try await blank()
        _ = try await Migrator(database, migrations: [Self.first, Self.second]).apply()
        let older = Migrator(database, migrations: [Self.first])
        try await older.check()
        #expect(try await older.status().map(\.isShipped) == [true, false])
        let error = await failure { try await older.apply() }
        #expect(error?.description.contains("does not know") == true)
    }

    @Test func `a database without migrations is told what to run`() async throws {
        let database = try await blank()
        let migrator = Migrator(database, migrations: [Self.first])
        #expect(try await migrator.status().map(\.appliedAt) == [nil])
        #expect(await failure { try await migrator.check() }?.description.contains("run migrate") == true)
        #expect(try await migrator.apply() == [Self.first])
        try await migrator.check()
        #expect(try await migrator.apply().isEmpty)
    }

    @Test func `the shipped files apply and are then complete`() async throws {
        try await Migrator(TestDatabase.current.database, migrations: TestDatabase.migrations).check()
    }
}
