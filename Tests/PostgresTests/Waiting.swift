import Postgres
import TestSupport
import Testing

/// Asks the database again and again until the answer is yes: for what only the server can tell.
func until(
    _ condition: SQL,
    on database: Database,
    within limit: Duration = .seconds(25),
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        let rows = try await database.query("SELECT (\(condition)) AS met")
        if try rows[0].decode("met") { return }
        await Task.yield()
    }
    Issue.record("not within \(limit): \(condition)", sourceLocation: sourceLocation)
}

/// A pool on the test's database, with something changed.
func makeDatabase(
    url: String? = nil,
    _ change: (inout PostgresConfiguration) -> Void = { _ in }
) throws -> Database {
    var configuration = try PostgresConfiguration(url: url ?? TestDatabase.current.url)
    change(&configuration)
    return Database(configuration, logger: .quiet)
}

/// The error that the body ends with.
func failure<T>(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> T
) async -> PostgresError? {
    do {
        _ = try await body()
        Issue.record("no error was thrown", sourceLocation: sourceLocation)
    } catch let error as PostgresError {
        return error
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
    return nil
}
