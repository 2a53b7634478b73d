import Foundation
import JobQueue

/// One job as `--json` shows it: its arguments and result are JSON, not text.
struct JobReport: Encodable {
    private let id: Int64
    private let state: String
    private let kind: String
    private let queue: String
    private let priority: Int
    private let args: JSONValue
    private let attempt: Int
    private let maxAttempts: Int
    private let crashes: Int
    private let uniqueKey: String?
    private let result: JSONValue?
    private let error: String?
    private let worker: String?
    private let createdAt: Date
    private let runAt: Date?
    private let startedAt: Date?
    private let endedAt: Date?

    init(_ job: JobDescription) {
        id = job.id
        state = job.state
        kind = job.kind
        queue = job.queue
        priority = job.priority
        args = JSONValue(text: job.args)
        attempt = job.attempt
        maxAttempts = job.maxAttempts
        crashes = job.crashes
        uniqueKey = job.uniqueKey
        result = job.result.map(JSONValue.init(text:))
        error = job.error
        worker = job.worker
        createdAt = job.createdAt
        runAt = job.runAt
        startedAt = job.startedAt
        endedAt = job.endedAt
    }
}
