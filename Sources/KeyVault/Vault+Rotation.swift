import Foundation
import Postgres

extension Vault {
    /// What is known of a client's keys, and its open attempt. Locks the keys' rows until the commit, so that no other
    /// attempt can be opened on what was read.
    ///
    /// - Returns: `nil` when the client has no key that is or was live.
    package func rotation(of client: UUID, in transaction: Transaction) async throws -> ClientRotation? {
        let rows = try await transaction.query(
            """
            SELECT \(StoredSecret.columns), settle_until FROM factpulse.secrets
             WHERE purpose = 'client-key' AND client_uid = \(client) ORDER BY version
               FOR NO KEY UPDATE
            """
        )
        let keys = try rows.map(StoredSecret.init)
        let versions = { (states: SecretState...) in
            Set(keys.filter { states.contains($0.state) }.map(\.name.version))
        }
        let pending = keys.last { $0.state == .pending }
        guard
            var rules = Rotation(
                candidates: versions(.active, .uncertain),
                proven: versions(.active).first,
                retained: versions(.retired, .compromised),
                fresh: pending?.isEscrowed == true ? pending?.name.version : nil,
                settleUntil: try rows.compactMap { try $0.decode("settle_until", as: Date?.self) }.max()
            )
        else { return nil }
        let attempt = try await openAttempt(of: client, &rules, in: transaction)
        // While a call is out the key that it replaces is still the known one.
        if rules.isCalling { rules.proven = versions(.active).first }
        return ClientRotation(
            client: client,
            attempt: attempt,
            rules: rules,
            keys: Dictionary(uniqueKeysWithValues: keys.compactMap(\.sealedSecret).map { ($0.name.version, $0) }),
            unfinished: pending?.isEscrowed == false ? pending?.sealedSecret : nil,
            nextVersion: (keys.last?.name.version ?? 0) + 1
        )
    }

    private func openAttempt(of client: UUID, _ rules: inout Rotation, in transaction: Transaction) async throws
        -> Int64?
    {
        let rows = try await transaction.query(
            """
            SELECT id, state, from_version, to_version, calling, doubts, puzzles, round, searched, settle_until
              FROM factpulse.rotation_attempts WHERE client_uid = \(client) AND ended_at IS NULL
            """
        )
        guard let row = rows.first else { return nil }
        rules.from = try row.decode("from_version")
        rules.to = try row.decode("to_version")
        rules.isCalling = try row.decode("calling")
        rules.doubts = try row.decode("doubts")
        rules.puzzles = try row.decode("puzzles")
        rules.round = try row.decode("round")
        rules.isSearching = try row.decode("searched")
        rules.settleUntil = [rules.settleUntil, try row.decode("settle_until", as: Date?.self)].compactMap(\.self).max()
        rules.end = RotationEnd(rawValue: try row.decode("state"))
        return try row.decode("id")
    }

    /// Opens an attempt. To be done in the transaction that read the rotation.
    ///
    /// - Parameter version: The stored key that the first call will install.
    /// - Throws: ``PostgresError`` with the constraint `rotation_attempts_one_open` when another attempt is open.
    package func openAttempt(_ rotation: inout ClientRotation, to version: Int, in transaction: Transaction)
        async throws
    {
        let rows = try await transaction.query(
            """
            INSERT INTO factpulse.rotation_attempts (client_uid, state, from_version, to_version)
            VALUES (\(rotation.client), 'open', \(rotation.rules.candidates.max() ?? 0), \(version))
            RETURNING id
            """
        )
        rotation.attempt = try rows[0].decode(at: 0)
    }

    /// Stores a new key of the client as pending. It may be used after ``escrow(_:)`` and ``Rotation/keyReady(_:)``.
    package func add(_ key: SealedSecret, to rotation: inout ClientRotation, in transaction: Transaction) async throws {
        try await transaction.execute(insert(key))
        rotation.keys[key.name.version] = key
        rotation.unfinished = key
        rotation.nextVersion = key.name.version + 1
    }

    /// Stores what the rules say now: the attempt, the state of every key, and one entry of the audit log. One statement.
    ///
    /// - Parameters:
    ///   - settle: With ``Rotation/begin(settleUntil:)``: how long from now the server may be at work on the call. The
    ///     database's clock says until when, and the rules get it from there.
    ///   - audit: Its client, version, fingerprint and attempt are filled in.
    /// - Throws: ``RotationOver`` when the attempt was ended by somebody else; nothing was written then.
    package func save(
        _ rotation: inout ClientRotation,
        settle: Duration? = nil,
        rotatedCount: Int? = nil,
        audit entry: AuditEntry,
        in transaction: Transaction
    ) async throws {
        let rules = rotation.rules
        let states = rotation.states
        let keys: SQL = """
            unnest(\(states.map(\.version))::int[], \(states.map(\.state.rawValue))::text[]) k (version, state), attempt
             WHERE s.purpose = 'client-key' AND s.client_uid = \(rotation.client) AND s.version = k.version AND s.state <> k.state
               AND (s.state, k.state) <> ('compromised', 'retired')
            """
        let change: SQL = """
            UPDATE factpulse.secrets s
               SET state = CASE WHEN k.state = 'retired' AND s.compromised_at IS NOT NULL THEN 'compromised' ELSE k.state END,
                   escrowed_at = coalesce(s.escrowed_at, now()), settle_until = CASE WHEN k.state = 'uncertain' THEN s.settle_until END
            """
        let rows = try await transaction.query(
            """
            WITH attempt AS (
                UPDATE factpulse.rotation_attempts
                   SET state = \(rotation.state), from_version = coalesce(\(rules.from)::int, from_version),
                       to_version = coalesce(\(rules.to)::int, to_version), calling = \(rules.isCalling), doubts = \(rules.doubts),
                       puzzles = \(rules.puzzles), round = \(rules.round), searched = \(rules.isSearching),
                       settle_until = CASE WHEN \(rules.settleUntil == nil)::boolean THEN NULL
                                           ELSE coalesce(now() + \(settle)::interval, settle_until) END,
                       rotated_count = coalesce(\(rotatedCount)::int, rotated_count), reason = coalesce(\(entry.reason)::text, reason),
                       updated_at = now(), ended_at = CASE WHEN \(rules.end?.needsPerson == false)::boolean THEN now() END
                 WHERE id = \(rotation.attempt)::bigint AND ended_at IS NULL
                RETURNING id, settle_until
            ), demoted AS (
                \(change) FROM \(keys) AND k.state <> 'active'
                RETURNING 1
            ), promoted AS (
                -- After the old one has made room: an index looks at one row after the other.
                \(change) FROM \(keys) AND k.state = 'active' AND (SELECT count(*) FROM demoted) >= 0
                RETURNING 1
            )
            SELECT settle_until, factpulse.audit(\(entry.actor), \(entry.action), \(entry.outcome), \(rotation.client), \(rules.to)::int,
                                                 \(rules.to.flatMap { rotation.keys[$0]?.fingerprint })::text, id, \(entry.reason)::text)
              FROM attempt WHERE (SELECT count(*) FROM promoted) >= 0
            """
        )
        guard let row = rows.first else { throw RotationOver(client: rotation.client) }
        rotation.rules.settleUntil = try row.decode("settle_until")
        if rules.end?.needsPerson == false { rotation.attempt = nil }
    }

    /// The attempt was ended since it was read.
    package struct RotationOver: Error, CustomStringConvertible {
        package let client: UUID
        package var description: String {
            "the rotation of \(client.lowercased) was ended by somebody else; nothing was written"
        }
    }
}
