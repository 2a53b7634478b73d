import FactPulse
import JobQueue
import Logging
import Postgres

/// Starts a bulk run: compares its staged rows with the clients that the server and earlier runs have, then makes one
/// job for each row that is left.
///
/// Works in slices, each one transaction with the jobs in it; after a crash it goes on behind the last slice.
package struct StartRun: JobHandler {
    package struct Arguments: Codable, Sendable {
        package var run: Int64

        package init(run: Int64) {
            self.run = run
        }
    }

    package static let kind: JobKind = "start-run"
    package static let policy = JobPolicy(
        description: "Compares the rows of a bulk run with the server and makes their jobs",
        arguments: ["run": .number],
        maximumAttempts: 1_000,
        maximumCrashes: 100,
        timeout: .seconds(3_600)
    )

    private static let slice = 5_000

    private let api: FactPulseClient

    package init(api: FactPulseClient) {
        self.api = api
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        guard try await begin(arguments.run, context) else { return try .completed(["run": "not to be started"]) }
        let sweep: ClientSweep.Result
        do {
            sweep = try await ClientSweep(api: api, context: context).run(purpose: "start-run \(arguments.run)")
        } catch let error as FactPulseError {
            return try await handle(error, arguments.run, context)
        }
        guard sweep.outcome == .complete else {
            try await ClientSweep.forget(sweep.id, in: context.store.database)
            return .snooze(.seconds(2))
        }
        while try await releaseSlice(arguments.run, sweep, context) {
            CrashPoint.reached("after-release")
            try context.checkAlive()
        }
        let batch = try await seal(arguments.run, sweep: sweep.id, context)
        CrashPoint.reached("after-seal")
        try await context.store.settleBatch(batch)
        return .completed
    }

    /// staged → running, with a batch for the jobs to come.
    private func begin(_ run: Int64, _ context: JobContext) async throws -> Bool {
        try await context.transaction { transaction in
            let rows = try await transaction.query(
                """
                UPDATE factpulse.bulk_runs SET state = 'running', started_at = coalesce(started_at, now())
                 WHERE id = \(run) AND state IN ('staged', 'running')
                RETURNING batch_id
                """
            )
            guard let row = rows.first else { return false }
            if try row.decode(at: 0, as: Int64?.self) == nil {
                let batch = try await JobStore.openBatch(
                    callback: FinishRun.kind,
                    arguments: #"{"run": \#(run)}"#,
                    in: transaction
                )
                try await transaction.execute("UPDATE factpulse.bulk_runs SET batch_id = \(batch) WHERE id = \(run)")
            }
            return true
        }
    }

    private func handle(_ error: FactPulseError, _ run: Int64, _ context: JobContext) async throws -> JobOutcome {
        switch error.outcome {
        case .credentialsRefused, .unauthorized, .refused:
            _ = try await context.write(
                "UPDATE factpulse.bulk_runs SET state = 'paused', reason = \("\(error)") WHERE id = \(run) AND state = 'running'"
            )
            context.logger.error("The run is paused", metadata: ["run": "\(run)", "reason": "\(error)"])
            return try .completed(["run": "paused"])
        case .notSent, .throttled, .uncertain:
            context.logger.warning("The client list cannot be read now", metadata: ["error": "\(error)"])
            return .snooze(error.retryAfter ?? .seconds(5))
        }
    }

    /// Compares and releases the next staged rows.
    /// - Returns: whether there were any.
    private func releaseSlice(_ run: Int64, _ sweep: ClientSweep.Result, _ context: JobContext) async throws -> Bool {
        try await context.transaction { transaction in
            try await ClientSweep.confirm(sweep, in: transaction)
            // Runs that start together see each other's rows: one slice at a time.
            try await transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('factpulse.bulk_rows', 0))")
            let rows = try await transaction.query(
                """
                SELECT b.batch_id, min(s.row), max(s.row)
                  FROM factpulse.bulk_runs b,
                       LATERAL (SELECT r.row FROM factpulse.bulk_rows r
                                 WHERE r.run_id = b.id AND r.state = 'staged' AND r.row > b.released
                                 ORDER BY r.row LIMIT \(Self.slice)) s
                 WHERE b.id = \(run) AND b.state = 'running'
                 GROUP BY b.batch_id
                """
            )
            guard let row = rows.first else { return false }
            let (batch, first, last) = try row.decode((Int64.self, Int64.self, Int64.self))
            // Both ends: the index remembers the rows of the slices before, until a vacuum.
            let staged: SQL = "run_id = \(run) AND row BETWEEN \(first) AND \(last) AND state = 'staged'"
            try await markExisting(staged, sweep: sweep.id, in: transaction)
            let ready = try await transaction.query(
                """
                UPDATE factpulse.bulk_rows SET state = 'ready', updated_at = now() WHERE \(staged)
                RETURNING jsonb_build_object('run', run_id, 'row', row)
                """
            )
            try await JobStore.enqueueMany(
                CreateClient.kind,
                arguments: try ready.map { try $0.decode(at: 0, as: String.self) },
                batch: batch,
                in: transaction
            )
            try await transaction.execute("UPDATE factpulse.bulk_runs SET released = \(last) WHERE id = \(run)")
            return true
        }
    }

    /// - Parameter staged: SQL that chooses the rows of the slice.
    private func markExisting(_ staged: SQL, sweep: Int64, in transaction: Transaction) async throws {
        // What is looked up for each row stands in a subquery of its own, which only an index can answer. A join would be
        // planned by statistics, and those of rows that were staged a moment ago are missing or wrong.
        //
        // One SIRET, one client: the oldest, should there be several. Rows of earlier runs count too, for a list may
        // lag behind a create.
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'exists', uid = k.uid, updated_at = now()
              FROM (SELECT s.run_id, s.row,
                           (SELECT known.uid
                              FROM (SELECT c.uid, c.created_at FROM factpulse.sightings c
                                     WHERE c.sweep_id = \(sweep) AND c.siret = s.siret
                                    UNION ALL
                                    SELECT o.uid, o.updated_at FROM factpulse.bulk_rows o
                                     WHERE o.operation = 'create-clients' AND o.state = 'done' AND o.siret = s.siret) known
                             ORDER BY known.created_at LIMIT 1) AS uid
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.uid IS NOT NULL
            """
        )
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'duplicate', error_code = 'SENT_BY_ANOTHER_RUN', error = k.error, updated_at = now()
              FROM (SELECT s.run_id, s.row,
                           (SELECT 'row ' || o.row || ' of run ' || o.run_id || ' is creating a client with this SIRET'
                              FROM factpulse.bulk_rows o
                             WHERE o.operation = 'create-clients' AND o.siret = s.siret
                               AND o.state IN ('ready', 'sending', 'uncertain', 'needs_review')) AS error
                      FROM factpulse.bulk_rows s WHERE \(staged)) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.error IS NOT NULL
            """
        )
        try await markSameNames(staged, sweep: sweep, in: transaction)
    }

    /// Without a SIRET only the name can match, and a name proves nothing: a person decides. Not about the names of this
    /// same run, which the check of the file has judged.
    private func markSameNames(_ staged: SQL, sweep: Int64, in transaction: Transaction) async throws {
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'needs_review', candidates = k.uids, error_code = 'SAME_NAME_EXISTS', updated_at = now(),
                   error = 'the row has no SIRET and a client of this name exists; see candidates and decide: bulk-runs resolve'
              FROM (SELECT s.run_id, s.row,
                           (SELECT array_agg(c.uid ORDER BY c.created_at) FROM factpulse.sightings c
                             WHERE c.sweep_id = \(sweep) AND c.name_key = s.name_key
                               AND NOT EXISTS (SELECT FROM factpulse.bulk_rows o
                                                WHERE o.uid = c.uid AND o.run_id = s.run_id AND o.state = 'done')) AS uids
                      FROM factpulse.bulk_rows s WHERE \(staged) AND s.siret IS NULL) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.uids IS NOT NULL
            """
        )
        try await transaction.execute(
            """
            UPDATE factpulse.bulk_rows r
               SET state = 'needs_review', error_code = 'SAME_NAME_IN_ANOTHER_RUN', updated_at = now(),
                   error = k.place || ' has this name and no SIRET either; see what became of it and decide: bulk-runs resolve'
              FROM (SELECT s.run_id, s.row,
                           (SELECT 'row ' || o.row || ' of run ' || o.run_id FROM factpulse.bulk_rows o
                             WHERE o.operation = 'create-clients' AND o.siret IS NULL AND o.name_key = s.name_key
                               AND o.state IN ('ready', 'sending', 'uncertain', 'needs_review', 'done')
                               AND o.run_id <> s.run_id
                             ORDER BY o.run_id, o.row LIMIT 1) AS place
                      FROM factpulse.bulk_rows s WHERE \(staged) AND s.siret IS NULL) k
             WHERE r.run_id = k.run_id AND r.row = k.row AND k.place IS NOT NULL
            """
        )
    }

    private func seal(_ run: Int64, sweep: Int64, _ context: JobContext) async throws -> Int64 {
        try await context.transaction { transaction in
            try await ClientSweep.forget(sweep, in: transaction)
            let batch = try await transaction.query("SELECT batch_id FROM factpulse.bulk_runs WHERE id = \(run)")[0]
                .decode(at: 0, as: Int64.self)
            try await JobStore.sealBatch(batch, in: transaction)
            return batch
        }
    }
}
