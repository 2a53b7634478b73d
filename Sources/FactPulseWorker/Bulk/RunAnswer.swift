import Foundation
import Jobs

/// A run, or the check of a file, as `--json` shows it. The counts add up to `rows`:
/// `ready` are rows that wait to be compared or sent, `uncertain` are calls under way or with a lost answer.
struct RunAnswer: Encodable {
    struct Issue: Encodable {
        let line: Int
        let column: String
        let code: String
        let message: String
        let value: String?
    }

    struct SummaryEntry: Encodable {
        let code: String
        let count: Int
        let lines: [Int]
        let cure: String
    }

    let operation: BulkOperation
    let counts: BulkCounts
    /// `nil`, JSON null: no run, only a check.
    var run: BulkRun?
    var file: String?
    var errors: [Issue]?
    var errorsTruncated: Bool?
    var summary: [SummaryEntry]?
    var cure: String?
    var health: RunHealth?
    /// Whether nothing was done now, for the same file had been imported.
    var isRepeated = false
    /// What is wrong with the file as a whole.
    var fileWarnings: [String]?

    init(operation: BulkOperation, counts: BulkCounts) {
        self.operation = operation
        self.counts = counts
    }

    init(_ run: BulkRun, _ counts: BulkCounts) {
        operation = run.operation
        self.counts = counts
        self.run = run
        file = run.fileName
    }

    private enum Keys: String, CodingKey {
        case schemaVersion, run, operation, state, file, reason, createdAt, finishedAt, repeated
        case rows, done, exists, duplicate, rejected, failed, uncertain, needsReview, skipped, ready, adopted, warnings
        case errors, errorsTruncated, summary, cure, fileWarnings, stuck, lastError, attempts
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(1, forKey: .schemaVersion)
        try container.encode(run?.id, forKey: .run)
        try container.encode(operation.rawValue, forKey: .operation)
        try container.encodeIfPresent(run?.state.rawValue, forKey: .state)
        try container.encodeIfPresent(file, forKey: .file)
        try container.encodeIfPresent(run?.reason, forKey: .reason)
        try container.encodeIfPresent(run?.createdAt, forKey: .createdAt)
        try container.encodeIfPresent(run?.finishedAt, forKey: .finishedAt)
        if isRepeated { try container.encode(true, forKey: .repeated) }
        try encodeCounts(into: &container)
        try container.encodeIfPresent(errors, forKey: .errors)
        try container.encodeIfPresent(errorsTruncated, forKey: .errorsTruncated)
        try container.encodeIfPresent(summary, forKey: .summary)
        try container.encodeIfPresent(cure, forKey: .cure)
        try container.encodeIfPresent(health?.isStuck, forKey: .stuck)
        try container.encodeIfPresent(health?.trouble?.error, forKey: .lastError)
        try container.encodeIfPresent(health?.trouble?.attempts, forKey: .attempts)
        try container.encodeIfPresent(fileWarnings, forKey: .fileWarnings)
    }

    private func encodeCounts(into container: inout KeyedEncodingContainer<Keys>) throws {
        try container.encode(counts.rows, forKey: .rows)
        try container.encode(counts[.done], forKey: .done)
        try container.encode(counts[.exists], forKey: .exists)
        try container.encode(counts[.duplicate], forKey: .duplicate)
        try container.encode(counts[.rejected], forKey: .rejected)
        try container.encode(counts[.failed], forKey: .failed)
        try container.encode(counts[.sending] + counts[.uncertain], forKey: .uncertain)
        try container.encode(counts[.needsReview], forKey: .needsReview)
        try container.encode(counts[.skipped], forKey: .skipped)
        try container.encode(counts[.staged] + counts[.ready], forKey: .ready)
        // No further rows: some of those that are done, and of those that exist.
        try container.encode(counts.adopted, forKey: .adopted)
        if !counts.warnings.isEmpty { try container.encode(counts.warnings, forKey: .warnings) }
    }
}
