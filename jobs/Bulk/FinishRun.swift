import JobQueue
import Logging
import Postgres

/// Follows a run from the end of its first jobs until no row of it is open, then closes it.
package struct FinishRun: JobHandler {
    package typealias Arguments = StartRun.Arguments

    package static let kind: JobKind = "finish-run"
    package static let policy = JobPolicy(
        description: "Closes a bulk run once none of its rows is open",
        arguments: ["run": .number],
        maximumAttempts: 1_000,
        maximumCrashes: 1_000
    )

    private static let lookAgain = Duration.seconds(1)
    /// Further jobs that a row gets when one ended without an answer, before a person has to look.
    private static let maximumReleases = 3

    package init() {}

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let run = arguments.run
        // Its first jobs have not all ended, or are still to be made. When they have, this job is made again.
        let waits: SQL = """
            EXISTS (SELECT FROM factpulse.bulk_runs w LEFT JOIN queue.batches q ON q.id = w.batch_id
                     WHERE w.id = \(run) AND (w.batch_id IS NULL OR q.id IS NOT NULL AND q.finished_at IS NULL))
            """
        let states = try await context.write(
            // A row whose job failed for reasons of our own gets another, but not for ever.
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'needs_review', error_code = 'JOB_FAILED', updated_at = now(),
                   error = 'its job ended several times without an answer; see: factpulse-worker jobs list --state failed'
             WHERE r.run_id = \(run) AND r.state = 'ready' AND r.releases >= \(Self.maximumReleases) AND NOT \(waits)
               AND r.updated_at < now() - interval '1 minute'
               AND NOT EXISTS (SELECT FROM queue.unique_keys u WHERE u.kind = 'create-client' AND u.key = r.run_id || ':' || r.row)
            """,
            """
            UPDATE factpulse.bulk_rows r SET releases = r.releases + 1, updated_at = now()
             WHERE r.run_id = \(run) AND r.state = 'ready' AND r.releases < \(Self.maximumReleases) AND NOT \(waits)
               AND EXISTS (SELECT FROM factpulse.bulk_runs b WHERE b.id = r.run_id AND b.state IN ('running', 'cancelled'))
               AND NOT EXISTS (SELECT FROM queue.unique_keys u WHERE u.kind = 'create-client' AND u.key = r.run_id || ':' || r.row)
            RETURNING \(ReleaseRow.enqueue(run: "r.run_id", row: "r.row"))
            """,
            """
            SELECT \(SettleCreates.enqueue(at: "now()"))
             WHERE EXISTS (SELECT FROM factpulse.bulk_rows WHERE run_id = \(run) AND state IN ('sending', 'uncertain'))
            """,
            """
            UPDATE factpulse.bulk_runs b SET state = 'finished', finished_at = now()
             WHERE b.id = \(run) AND b.state = 'running'
               AND NOT EXISTS (SELECT FROM factpulse.bulk_rows r
                                WHERE r.run_id = b.id AND r.state IN ('staged', 'ready', 'sending', 'uncertain'))
            """,
            """
            SELECT b.state = 'paused' OR \(waits) OR NOT EXISTS (SELECT FROM factpulse.bulk_rows r
                    WHERE r.run_id = b.id AND r.state IN ('staged', 'ready', 'sending', 'uncertain'))
              FROM factpulse.bulk_runs b WHERE b.id = \(run)
            """
        )
        // A paused run is followed again once it goes on.
        let isOver = try states[4].first?.decode(at: 0, as: Bool.self) ?? true
        return isOver ? .completed : .snooze(Self.lookAgain)
    }
}
