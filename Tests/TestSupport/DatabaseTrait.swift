import Testing

/// Gives each test of a suite a ``TestDatabase``.
package struct DatabaseTrait: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        // A suite is not a test: its tests get a database each.
        guard !test.isSuite else { return try await function() }
        try await TestDatabase.with(function)
    }
}

extension Trait where Self == DatabaseTrait {
    package static var database: Self { Self() }
}
