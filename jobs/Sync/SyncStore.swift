import Foundation
import JobQueue
import Postgres

/// The syncs, as the command line starts and follows them.
package struct SyncStore: Sendable {
    package let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// How far a sync is.
    package struct Progress: Sendable {
        package var done: Int
        /// Of how many; `nil`: not known yet.
        package var total: Int?

        package init(done: Int, total: Int? = nil) {
            self.done = done
            self.total = total
        }
    }

    /// Enqueues a sync of the client list, or finds the one that waits or runs.
    /// - Returns: its job.
    package func startClients(allowMassDelete: Bool) async throws -> Int64 {
        let arguments = SyncClients.Arguments(allowMassDelete: allowMassDelete ? true : nil)
        // One that may bury more does not hide behind one that may not.
        return try await start(SyncClients.kind, arguments, allowMassDelete ? "allow-mass-delete" : "clients")
    }

    /// Enqueues a plan of PDP reads, or finds the one that waits or runs.
    /// - Returns: its job.
    package func startPDP(all: Bool) async throws -> Int64 {
        try await start(SyncPDP.kind, SyncPDP.Arguments(all: all ? true : nil), all ? "all" : "due")
    }

    private func start(_ kind: JobKind, _ arguments: some Encodable, _ key: String) async throws -> Int64 {
        try await JobStore.enqueue(
            kind,
            arguments: String(decoding: try JSONEncoder().encode(arguments), as: UTF8.self),
            uniqueKey: key,
            in: database
        )
    }

    /// How many clients a sync of the list has seen.
    package func clientsProgress(job: Int64) async throws -> Progress {
        let rows = try await database.query(
            """
            SELECT (SELECT count(*) FROM factpulse.sightings c WHERE c.sweep_id = s.id), s.expected FROM factpulse.sweeps s
             WHERE s.job_id = \(job) ORDER BY s.id DESC LIMIT 1
            """
        )
        guard let row = rows.first else { return Progress(done: 0) }
        let (done, total) = try row.decode((Int.self, Int?.self))
        return Progress(done: done, total: total)
    }

    /// How many clients of a plan have been read, and how many of the others nobody is going to read.
    package func pdpProgress(sync: Int64) async throws -> (progress: Progress, abandoned: Int) {
        let (due, open, abandoned) = try await database.query(
            """
            SELECT s.due, count(d.uid),
                   count(d.uid) FILTER (WHERE NOT EXISTS (SELECT FROM queue.unique_keys u
                                                           WHERE u.kind = \(SyncPDPSlice.kind) AND u.key = d.sync_id || ':' || d.slice))
              FROM factpulse.pdp_syncs s LEFT JOIN factpulse.pdp_due d ON d.sync_id = s.id
             WHERE s.id = \(sync) GROUP BY s.due
            """
        )[0].decode((Int.self, Int.self, Int.self))
        return (Progress(done: due - open, total: due), abandoned)
    }

    /// Why the slices of a plan failed, in the words of the last one.
    package func pdpFailure(sync: Int64) async throws -> String? {
        try await database.query(
            """
            SELECT error FROM queue.jobs
             WHERE kind = \(SyncPDPSlice.kind) AND args -> 'sync' = to_jsonb(\(sync)::bigint) AND state <> 'done' AND error IS NOT NULL
             ORDER BY id DESC LIMIT 1
            """
        ).first?.decode(at: 0, as: String.self)
    }

    /// Workers that beat.
    package func livingWorkers() async throws -> Int {
        try await BulkStore(database).livingWorkers()
    }
}
