import Foundation
import JobQueue
import KeyVault
import Postgres

/// The clients of a campaign and the jobs that rotate them, as the tables have them.
struct Campaign {
    /// The job of ``RotateDueKeys``.
    let id: Int64

    /// A condition on a key `k`: its client has had its turn.
    var has: SQL {
        "EXISTS (SELECT FROM factpulse.campaign_clients m WHERE m.campaign = \(id) AND m.client_uid = k.client_uid)"
    }

    /// The open campaign, if its job has not ended: one that was cancelled or given up is closed here.
    static func openOne(in transaction: Transaction) async throws -> Int64? {
        try await transaction.execute(
            """
            UPDATE factpulse.campaigns c SET ended_at = now()
             WHERE c.ended_at IS NULL AND NOT EXISTS (SELECT FROM queue.jobs j WHERE j.id = c.id AND j.state = 'pending')
            """
        )
        return try await transaction.query("SELECT id FROM factpulse.campaigns WHERE ended_at IS NULL").first?
            .decode(at: 0)
    }

    /// Opens this campaign, where it is not open yet.
    /// - Returns: the job of another one that is open; nothing was written then.
    func open(in transaction: Transaction) async throws -> Int64? {
        if let open = try await Self.openOne(in: transaction) { return open == id ? nil : open }
        // Of two that get here the second waits for the first, fails, and finds it at its next attempt.
        try await transaction.execute(
            "INSERT INTO factpulse.campaigns (id) VALUES (\(id)) ON CONFLICT (id) DO UPDATE SET ended_at = NULL"
        )
        return nil
    }

    func close(in transaction: Transaction) async throws {
        try await transaction.execute("UPDATE factpulse.campaigns SET ended_at = now() WHERE id = \(id)")
    }

    func begin(_ client: UUID, in transaction: Transaction) async throws {
        let job = try await RotateKey.enqueue(client, in: transaction)
        try await transaction.execute(
            "INSERT INTO factpulse.campaign_clients (campaign, client_uid, job_id) VALUES (\(id), \(client), \(job))"
        )
    }

    func progress(in transaction: Transaction) async throws -> CampaignProgress {
        let rows = try await transaction.query(
            """
            SELECT count(*), count(*) FILTER (WHERE end_as = 'open'), count(*) FILTER (WHERE end_as = 'succeeded'),
                   count(*) FILTER (WHERE end_as IN ('skipped', 'not_applicable')),
                   coalesce((array_agg('client ' || client_uid || ': ' || why ORDER BY client_uid)
                             FILTER (WHERE end_as NOT IN ('open', 'succeeded', 'skipped', 'not_applicable')))[:10], '{}')
              FROM (SELECT m.client_uid, CASE j.state WHEN 'pending' THEN 'open' WHEN 'done' THEN j.result->>'rotation'
                                                      ELSE coalesce(j.state, 'unknown') END AS end_as,
                           coalesce(j.error, j.result->>'reason', 'its job is gone') AS why
                      FROM factpulse.campaign_clients m LEFT JOIN queue.jobs j ON j.id = m.job_id
                     WHERE m.campaign = \(id)) c
            """
        )
        let (begun, open, succeeded, skipped, troubles) = try rows[0].decode(
            (Int.self, Int.self, Int.self, Int.self, [String].self)
        )
        return CampaignProgress(begun: begun, open: open, succeeded: succeeded, skipped: skipped, troubles: troubles)
    }
}

/// How far a campaign is, and how far it may go on.
struct CampaignProgress: Encodable, Equatable {
    /// A group begins when the one before it has succeeded: one client, then five, then the rest.
    private static let canaries = [1, 6]
    private static let mostTroubles = 2

    var begun = 0
    var open = 0
    var succeeded = 0
    /// Clients that cannot be rotated, such as deactivated ones.
    var skipped = 0
    /// What came of the clients whose rotation ended and did not succeed; the first ten.
    var troubles: [String] = []

    var isStopped: Bool { troubles.count >= Self.mostTroubles }

    /// How many more may be begun now.
    func places(width: Int, limit: Int) -> Int {
        if isStopped { return 0 }
        let ceiling = Self.canaries.first { succeeded < $0 } ?? .max
        return max(0, min(width - open, ceiling - succeeded - open, limit - begun))
    }

    /// For whoever is called at 3 in the morning.
    var alarm: String {
        """
        the campaign stopped, for \(troubles.count) rotations did not succeed; \(succeeded) did, and nobody else's key was \
        touched. \(troubles.joined(separator: "; ")). Every key is kept. Look with factpulse-worker keys status; once it is \
        cured, go on with factpulse-worker keys rotate --due
        """
    }
}
