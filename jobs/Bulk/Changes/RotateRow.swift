import FactPulse
import Foundation
import JobQueue
import KeyVault
import Postgres

/// Rotates the key of a row's client, by the rules and with the steps of ``RotateKey``.
///
/// What happened stands in `factpulse.rotation_attempts` and nowhere else; the row says only since when to look. So a row
/// whose worker died goes on with the attempt that is open, or finds the one that has ended, and begins no second one.
struct RotateRow: Sendable {
    /// A campaign stops as early: what is wrong with two clients may be wrong with all of them.
    private static let mostTroubles = 2

    let api: FactPulseClient
    let vault: Vault
    let writer: ChangeRowWriter

    enum End: Sendable {
        case over(JobOutcome)
        /// To be written to the row, which is in this state.
        case answer(ChangeAnswer, from: BulkRowState)
    }

    /// - Parameter isBegun: The intent was written by an earlier life of this job.
    func run(_ row: ChangeRow, isBegun: Bool) async throws -> End {
        if isBegun, let attempt = try await attempt(of: row), attempt.isOver {
            return try await end(attempt, of: row, from: .uncertain)
        }
        var isAskedAgain = false
        if !isBegun {
            let (hasKey, wasSent) = try await facts(row)
            guard hasKey else {
                let message = "no key of this client is here: import it with factpulse-worker keys import"
                return .answer(.failed(code: "CLIENT_KEY_UNKNOWN", message: message), from: .ready)
            }
            isAskedAgain = wasSent
            guard try await writer.beginSending() else { return .over(.snooze(.seconds(1))) }
            CrashPoint.reached("after-intent")
        }
        let state: BulkRowState = isBegun ? .uncertain : .sending
        let rotator = KeyRotator(api: api, uid: row.uid, vault: vault, times: writer.times, context: writer.context)
        let result = try await rotator.run(resume: isAskedAgain)
        CrashPoint.reached("after-rotation")
        switch result {
        case .ended(let report):
            guard let attempt = try await attempt(of: row) else { return .over(.snooze(.seconds(1))) }
            return try await end(attempt, of: row, report.alarm ?? report.text, from: state)
        case .skipped(let reason): return .answer(.failed(code: "NOT_ROTATED", message: reason), from: state)
        case .noKey(let reason): return .answer(.failed(code: "CLIENT_KEY_UNKNOWN", message: reason), from: state)
        case .refused(let error): return .answer(ChangeAnswer(beforeTheCall: error), from: state)
        case .later(let wait):
            if isBegun { return .over(.snooze(wait)) }
            // Where no attempt is open nothing was sent, and whoever cancels the run may still skip the row.
            guard try await attempt(of: row) != nil else { return .answer(.again(after: wait), from: state) }
            try await writer.wait()
            return .over(.snooze(wait))
        }
    }

    private func end(_ attempt: Attempt, of row: ChangeRow, _ said: String? = nil, from state: BulkRowState)
        async throws -> End
    {
        guard let end = attempt.end else { return .over(.snooze(.seconds(1))) }
        let message = said ?? attempt.reason ?? end.rawValue
        switch end {
        case .succeeded, .outOfBand, .resolved: return .answer(.done, from: state)
        case .notApplicable, .refused:
            return .answer(.failed(code: "ROTATION_\(end.rawValue.uppercased())", message: message), from: state)
        case .split, .lost, .needsReview:
            let outcome = try await writer.review(from: state, "KEY_\(end.rawValue.uppercased())", message)
            let count = try await troubles(of: row.run)
            guard count >= Self.mostTroubles else { return .over(outcome) }
            let cure =
                "every key is kept: see factpulse-worker keys status, and once it is cured go on with bulk-runs retry \(row.run)"
            let reason = "\(count) rotations need a person, the last one of \(row.uid); \(cure)"
            return .over(try await writer.context.pause(run: row.run, of: writer.account, reason))
        }
    }

    /// Whether the client has a key that is or was live, and whether the row was sent before: then a person has decided to
    /// send it again.
    private func facts(_ row: ChangeRow) async throws -> (hasKey: Bool, wasSent: Bool) {
        try await writer.context.store.database.query(
            """
            SELECT EXISTS (SELECT FROM factpulse.secrets s
                            WHERE s.purpose = 'client-key' AND s.client_uid = r.uid AND s.state NOT IN ('pending', 'destroyed')),
                   r.sent_at IS NOT NULL
              FROM factpulse.bulk_rows r WHERE r.run_id = \(row.run) AND r.row = \(row.row)
            """
        )[0].decode((Bool.self, Bool.self))
    }

    /// How many rows of the run wait for a person because of their keys.
    private func troubles(of run: Int64) async throws -> Int {
        try await writer.context.store.database.query(
            """
            SELECT count(*) FROM factpulse.bulk_rows
             WHERE run_id = \(run) AND state = 'needs_review' AND error_code LIKE 'KEY\\_%'
            """
        )[0].decode(at: 0)
    }

    private struct Attempt: Sendable {
        /// `nil`: it goes on.
        let end: RotationEnd?
        let reason: String?
        /// Ended, and not for a person to decide.
        let isOver: Bool
    }

    /// The client's last attempt, if it ended after the row began, or has not ended.
    private func attempt(of row: ChangeRow) async throws -> Attempt? {
        let rows = try await writer.context.store.database.query(
            """
            SELECT a.state, a.reason, a.ended_at IS NOT NULL
              FROM factpulse.bulk_rows r JOIN factpulse.rotation_attempts a ON a.client_uid = r.uid
             WHERE r.run_id = \(row.run) AND r.row = \(row.row) AND (a.ended_at >= r.sent_at OR a.ended_at IS NULL)
             ORDER BY a.id DESC LIMIT 1
            """
        )
        guard let found = rows.first else { return nil }
        let (state, reason, isOver) = try found.decode((String.self, String?.self, Bool.self))
        return Attempt(end: RotationEnd(rawValue: state), reason: reason, isOver: isOver)
    }
}
