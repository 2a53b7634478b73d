import Foundation

/// What runs jobs of one kind. What a job needs is its stored properties; what a run needs is its arguments, the only
/// thing in the row.
package protocol JobHandler: Sendable {
    associatedtype Arguments: Codable & Sendable

    static var kind: JobKind { get }
    static var policy: JobPolicy { get }

    /// Runs one attempt. May run again after a crash at any point: what must happen once is guarded by state in the
    /// database, written through ``JobContext/transaction(_:)``.
    func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome
}

/// The kinds of job that a program knows, and what runs them.
package struct JobCatalogue: Sendable {
    struct Entry: Sendable {
        let policy: JobPolicy
        let run: @Sendable (JobContext) async throws -> JobOutcome
    }

    private(set) var entries: [JobKind: Entry] = [:]

    package init() {}

    package var policies: [(kind: JobKind, policy: JobPolicy)] {
        entries.map { ($0.key, $0.value.policy) }.sorted { $0.kind.rawValue < $1.kind.rawValue }
    }

    /// Adds a handler. Two of one kind are a mistake in the program.
    package mutating func add<Handler: JobHandler>(_ handler: Handler) {
        precondition(entries[Handler.kind] == nil, "two handlers for \(Handler.kind)")
        entries[Handler.kind] = Entry(policy: Handler.policy) { context in
            let arguments: Handler.Arguments
            do {
                arguments = try JSONDecoder().decode(Handler.Arguments.self, from: Data(context.job.arguments.utf8))
            } catch {
                return .failed(reason: "the arguments do not fit a \(Handler.kind) job of this version")
            }
            return try await handler.run(arguments, context)
        }
    }
}
