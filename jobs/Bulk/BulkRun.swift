import Foundation
import Postgres

/// A bulk run: one file, one operation.
package struct BulkRun: Sendable {
    package enum State: String, Sendable, PostgresEncodable, PostgresDecodable {
        case staged, running, paused, finished, cancelled
    }

    package let id: Int64
    package let operation: BulkOperation
    package let state: State
    package let fileName: String
    package let columns: [String]
    package let delimiter: String
    package let rowCount: Int
    /// Why it is paused.
    package let reason: String?
    package let createdAt: Date
    package let finishedAt: Date?
}

/// How many rows of a run are in each state. The counts add up to the rows of the file.
package struct BulkCounts: Sendable, Equatable {
    private var counts: [BulkRowState: Int]
    /// Of the rows that are done: those whose answer was lost, so that their client was found by reading the server or
    /// named by a person.
    package var adopted = 0
    /// Of the rows whose client existed: those with a difference that somebody should know of, by its code.
    package var warnings: [String: Int] = [:]

    package init(_ counts: [BulkRowState: Int] = [:]) {
        self.counts = counts
    }

    package subscript(state: BulkRowState) -> Int {
        get { counts[state] ?? 0 }
        set { counts[state] = newValue }
    }

    package var rows: Int { counts.values.reduce(0, +) }

    /// Rows to which something will still happen by itself.
    package var open: Int { BulkRowState.allCases.filter { !$0.isFinal }.reduce(0) { $0 + self[$1] } }

    /// Rows that somebody should look at.
    package var troubled: Int { self[.rejected] + self[.duplicate] + self[.failed] + self[.needsReview] }
}

/// A row as it is shown to people and written to the result file.
package struct BulkRow: Sendable {
    package let row: Int64
    package let line: Int
    package let state: BulkRowState
    /// Of a row of create-clients that is not rejected.
    package let name: String?
    package let siret: String?
    package let cells: [String]
    package let uid: String?
    package let adopted: Bool
    package let candidates: [String]
    package let errorCode: String?
    package let error: String?
}

extension BulkOperation: PostgresEncodable, PostgresDecodable {}
