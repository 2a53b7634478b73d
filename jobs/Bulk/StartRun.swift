import FactPulse
import JobQueue
import Logging
import Postgres

/// Starts a bulk run: compares its staged rows with the clients that the server and earlier runs have, then makes one
/// job for each row that is left.
///
/// Works in slices, each one transaction with the jobs in it; after a crash it goes on behind the last slice. Two for
/// one run share its slices between them.
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
        // Each of its steps has a limit of its own, and a long list takes long.
        timeout: nil
    )

    private static let slice = 5_000
    /// Sweeps in a row that proved nothing, before the run is paused.
    private static let mostIncomplete = 4
    private static let backoff = Backoff(base: .seconds(2), maximum: .seconds(60))

    private let api: FactPulseClient
    private let account: Account

    package init(api: FactPulseClient, account: Account) {
        self.api = api
        self.account = account
    }

    package func run(_ arguments: Arguments, _ context: JobContext) async throws -> JobOutcome {
        let batch: Int64
        switch try await begin(arguments.run, context) {
        case .batch(let id): batch = id
        case .notNow: return try .completed(["run": "not to be started"])
        case .foreign(let owner): return account.leave(to: owner.name, context)
        }
        let sweep: ClientSweep.Result
        do {
            sweep = try await ClientSweep(api: api, context: context).run(purpose: "start-run \(arguments.run)")
        } catch let error as FactPulseError {
            return try await handle(error, arguments.run, context)
        }
        guard sweep.outcome == .complete else {
            let trouble = ListTrouble(context: context)
            let (inARow, reason) = try await trouble.forget(sweep)
            if inARow >= Self.mostIncomplete { return try await context.pause(run: arguments.run, of: account, reason) }
            return trouble.again(after: Self.backoff.delay(after: inARow), reason)
        }
        while try await releaseSlice(arguments.run, batch, sweep.id, context) {
            CrashPoint.reached("after-release")
            try context.checkAlive()
        }
        try await context.transaction { transaction in
            try await ClientSweep.forget(sweep.id, in: transaction)
            try await JobStore.sealBatch(batch, in: transaction)
        }
        CrashPoint.reached("after-seal")
        try await context.store.settleBatch(batch)
        let counts = try await BulkStore(context.store.database).counts(of: arguments.run)
        context.logger.info("The run has started", metadata: counts.metadata(of: arguments.run))
        return .completed
    }

    private enum Beginning {
        /// The jobs to come are its members.
        case batch(Int64)
        case notNow
        case foreign(Account)
    }

    /// staged → running, with a batch for the jobs to come. The batch of a run that is not to go on is closed.
    private func begin(_ id: Int64, _ context: JobContext) async throws -> Beginning {
        let (beginning, sealed): (Beginning, Int64?) = try await context.transaction { transaction in
            guard let run = try await LockedRun.lock(id, in: transaction) else { return (.notNow, nil) }
            guard run.account == account else { return (.foreign(run.account), nil) }
            guard run.state == .staged || run.state == .running else {
                if let batch = run.batch { try await JobStore.sealBatch(batch, in: transaction) }
                return (.notNow, run.batch)
            }
            let isOver = try await transaction.query(
                """
                SELECT FROM factpulse.bulk_runs b JOIN queue.batches q ON q.id = b.batch_id AND q.sealed
                 WHERE b.id = \(id) AND NOT EXISTS (SELECT FROM factpulse.bulk_rows r
                                                    WHERE r.run_id = b.id AND r.state = 'staged' AND r.row > b.released)
                """
            )
            // A job before this one has made all of them, and died before it could say so.
            if !isOver.isEmpty { return (.notNow, run.batch) }
            let isOpen = try await transaction.query("SELECT FROM queue.batches WHERE id = \(run.batch) AND NOT sealed")
            if let batch = run.batch, !isOpen.isEmpty { return (.batch(batch), nil) }
            let batch = try await JobStore.openBatch(
                callback: FinishRun.kind,
                arguments: #"{"run": \#(id)}"#,
                in: transaction
            )
            try await transaction.execute(
                """
                UPDATE factpulse.bulk_runs SET state = 'running', started_at = coalesce(started_at, now()), batch_id = \(batch)
                 WHERE id = \(id)
                """
            )
            return (.batch(batch), nil)
        }
        if let sealed { try await context.store.settleBatch(sealed) }
        return beginning
    }

    private func handle(_ error: FactPulseError, _ run: Int64, _ context: JobContext) async throws -> JobOutcome {
        switch error.outcome {
        case .credentialsRefused, .unauthorized, .refused:
            return try await context.pause(run: run, of: account, "\(error)")
        case .notSent, .throttled, .uncertain:
            return ListTrouble(context: context).again(error)
        }
    }

    /// Compares and releases the next staged rows.
    /// - Returns: whether there were any. There are none for us once the run goes on in another batch.
    private func releaseSlice(_ id: Int64, _ batch: Int64, _ sweep: Int64, _ context: JobContext) async throws -> Bool {
        try await context.transaction { transaction in
            guard let run = try await LockedRun.lock(id, in: transaction), run.state == .running, run.batch == batch
            else { return false }
            try await ClientSweep.confirm(sweep, in: transaction)
            let rows = try await transaction.query(
                """
                SELECT min(s.row), max(s.row)
                  FROM factpulse.bulk_runs b,
                       LATERAL (SELECT r.row FROM factpulse.bulk_rows r
                                 WHERE r.run_id = b.id AND r.state = 'staged' AND r.row > b.released
                                 ORDER BY r.row LIMIT \(Self.slice)) s
                 WHERE b.id = \(id)
                HAVING count(*) > 0
                """
            )
            guard let row = rows.first else { return false }
            let (first, last) = try row.decode((Int64.self, Int64.self))
            let ready =
                run.operation == .createClients
                ? try await Comparison(run: run, rows: first...last, sweep: sweep).makeReady(in: transaction)
                : try await ClientMatch(run: run, rows: first...last, sweep: sweep).makeReady(in: transaction)
            try await JobStore.enqueueMany(
                run.operation.jobKind,
                arguments: ready.map { #"{"run": \#(id), "row": \#($0)}"# },
                batch: batch,
                // Calls about one client never overlap, whatever run or command they are of.
                concurrencyKeys: run.operation == .createClients
                    ? nil : ReleaseRow.keys(run: id, rows: ready, in: transaction),
                in: transaction
            )
            try await transaction.execute("UPDATE factpulse.bulk_runs SET released = \(last) WHERE id = \(id)")
            return true
        }
    }
}
