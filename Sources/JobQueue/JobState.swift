import Postgres

/// Where a job is, as people see it. ARCHITECTURE.md has the diagram.
package enum JobState: String, Sendable, CaseIterable, PostgresEncodable {
    /// `parked`: due, but another job holds its concurrency key.
    case ready, scheduled, parked, running, done, failed, cancelled, quarantined

    /// Narrows `queue.job_overview` by `id`, as no index stands on a job's state.
    var candidates: SQL {
        switch self {
        case .ready: "id IN (SELECT job_id FROM queue.ready)"
        case .scheduled: "id IN (SELECT job_id FROM queue.scheduled)"
        case .parked: "id IN (SELECT job_id FROM queue.parked)"
        case .running: "id IN (SELECT job_id FROM queue.leases)"
        case .done: "true"
        case .failed: "id IN (SELECT job_id FROM queue.attempts WHERE outcome IN ('failed', 'crashed'))"
        case .cancelled: "id IN (SELECT job_id FROM queue.attempts WHERE outcome = 'cancelled')"
        case .quarantined: "id IN (SELECT job_id FROM queue.attempts WHERE outcome = 'crashed')"
        }
    }
}
